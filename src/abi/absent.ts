/** System calls a NetBSD rump kernel has and this one has not: they answer ENOSYS. Number, name, and why. */
type Absent = readonly [nr: number, name: string, why: string];

const old = "an older version; its successor is there";
const quota = "no file system here has quotas or file handles";
const clock = "the clock is the host's";
const timers = "there are no signals to deliver";
const ksem = "semaphores between processes of a host that has its own";
const aio = "calls are asynchronous where the client likes";

export const absent: readonly Absent[] = [
  [14, "mknod", old],
  [56, "revoke", "there are no terminals"],
  [93, "select", old],
  [138, "utimes", old],
  [155, "nfssvc", "there is no NFS server"],
  [206, "futimes", old],
  [235, "timer_create", timers],
  [236, "timer_delete", timers],
  [239, "timer_getoverrun", timers],
  ...([
    [247, "_ksem_init"],
    [248, "_ksem_open"],
    [249, "_ksem_unlink"],
    [250, "_ksem_close"],
    [251, "_ksem_post"],
    [252, "_ksem_wait"],
    [253, "_ksem_trywait"],
    [254, "_ksem_getvalue"],
    [255, "_ksem_destroy"],
    [256, "_ksem_timedwait"],
  ] as const).map(([nr, name]): Absent => [nr, name, ksem]),
  [276, "lutimes", old],
  [306, "utrace", "calls are traced by the server, whatever file system there is"],
  [345, "kevent", old],
  [360, "extattrctl", "attributes need not be switched on"],
  [373, "pselect", old],
  [374, "pollts", old],
  [387, "__stat30", old],
  [388, "__fstat30", old],
  [389, "__lstat30", old],
  [395, "__getfh30", quota],
  [396, "__fhopen40", quota],
  [397, "__fhstatvfs140", quota],
  [398, "__fhstat40", quota],
  ...([
    [399, "aio_cancel"],
    [400, "aio_error"],
    [401, "aio_fsync"],
    [402, "aio_read"],
    [403, "aio_return"],
    [405, "aio_write"],
    [406, "lio_listio"],
  ] as const).map(([nr, name]): Absent => [nr, name, aio]),
  [419, "__settimeofday50", clock],
  [421, "__adjtime50", clock],
  [425, "__setitimer50", timers],
  [426, "__getitimer50", timers],
  [428, "__clock_settime50", clock],
  [438, "__aio_suspend50", aio],
  [446, "__timer_settime50", timers],
  [447, "__timer_gettime50", timers],
  [451, "__fhstat50", quota],
  [473, "__quotactl", quota],
];
