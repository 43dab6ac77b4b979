#!/bin/sh
# The main job, as a newcomer sees it: a rump kernel is started and asked over its socket; a FAT image made by other
# people's tools is mounted, read and written through a real mount. Cleans up after itself.
. "$(dirname "$0")/setup.sh"
[ -x dist/rump ] && [ -z "$(find src plugins package.json -newer dist/rump | head -n 1)" ] || { say "building ..."; bun scripts/build.ts; }
PATH=$ROOT/dist:$PATH
WORK=$(mktemp -d)
RUMP_SERVER=unix://$WORK/sock
export RUMP_SERVER
cleanup() {
  cd /
  grep -q " $WORK/mnt " /proc/self/mounts 2>/dev/null && { umount "$WORK/mnt" 2>/dev/null || fusermount3 -u "$WORK/mnt"; }
  [ -S "$WORK/sock" ] && rump.halt 2>/dev/null
  rm -rf "$WORK"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
cd "$WORK"
do_() { printf '\n$ %s\n' "$*"; sh -c "$*"; }

echo "== a FAT image, made by mkfs.fat and filled by mcopy"
do_ 'truncate -s 64M disk.img && mkfs.fat -n DEMO disk.img'
echo 'hello from mtools' > hello.txt
do_ 'mcopy -i disk.img hello.txt "::A long file name.txt"'
echo
echo "== a rump kernel with file systems, asked over its socket"
do_ "rump_server -l rumpfs_msdos -l rumpfs_tmpfs -d key=/dev/fat,hostpath=disk.img,size=host unix://sock"
do_ 'rump.sysctl vfs.generic.fstypes'
do_ 'rump.mkdir /mnt && rump.mount_msdos /dev/fat /mnt && rump.ls -l /mnt'
do_ 'rump.cat "/mnt/A long file name.txt"'
do_ 'rump.umount /mnt && rump.halt'
if [ -r /dev/fuse ] && [ -w /dev/fuse ]; then
  echo
  echo "== the same image on the host, without root, loop device or kernel driver"
  mkdir mnt
  do_ 'rump_msdos disk.img mnt'
  do_ 'df -hT mnt; ls -l mnt'
  do_ 'echo "written through the mount" > mnt/new.txt; cat mnt/*.txt'
  if [ "$(id -u)" = 0 ]; then do_ 'umount mnt'; else do_ 'fusermount3 -u mnt'; fi
  n=0; while pgrep -f "rump_msdos.*$WORK" >/dev/null 2>&1 && [ $n -lt 50 ]; do sleep 0.1; n=$((n + 1)); done
  do_ 'mdir -i disk.img'
else
  echo
  echo "== /dev/fuse cannot be used here (in a container: --device /dev/fuse --cap-add SYS_ADMIN): no mount on the host"
fi
do_ 'fsck.fat -n disk.img'
echo
echo "All done. The executable and its links are in $ROOT/dist; README.md goes on from here."
