"""Exercise one file's data in every way there is, beside an array (after fsx): fsx.py FILE SEED OPERATIONS."""
import mmap
import os
import random
import sys

path, seed, operations = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
MOST = 300_000
rnd = random.Random(seed)
want = bytearray()
fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)


def piece():
    at = rnd.randrange(MOST)
    return at, rnd.randrange(1, min(MOST - at, 70_000) + 1)


def grow(size):
    if len(want) < size:
        want.extend(bytes(size - len(want)))


def check(step, what, got, expected):
    if got != expected:
        where = next((i for i, (a, b) in enumerate(zip(got, expected)) if a != b), min(len(got), len(expected)))
        sys.exit(f"seed {seed}, step {step}: {what}: differs at {where} ({len(got)} bytes, {len(expected)} expected)")


for step in range(operations):
    op = rnd.randrange(10)
    at, n = piece()
    if op < 3:
        data = rnd.randbytes(n)
        os.pwrite(fd, data, at)
        grow(at + n)
        want[at:at + n] = data
    elif op < 5:
        check(step, f"read {n} at {at}", os.pread(fd, n, at), bytes(want[at:at + n]))
    elif op == 5:
        size = rnd.randrange(MOST)
        os.ftruncate(fd, size)
        grow(size)
        del want[size:]
    elif op == 6 and want:
        with mmap.mmap(fd, len(want)) as m:
            at, n = at % len(want), min(n, len(want) - at % len(want))
            data = rnd.randbytes(n)
            m[at:at + n] = data
            want[at:at + n] = data
            if rnd.randrange(2):
                m.flush()
    elif op == 7 and want:
        with mmap.mmap(fd, len(want), prot=mmap.PROT_READ) as m:
            at = at % len(want)
            check(step, f"mapped {n} at {at}", m[at:at + n], bytes(want[at:at + n]))
    elif op == 8:
        os.fsync(fd) if rnd.randrange(2) else os.posix_fallocate(fd, at, n)
        if os.fstat(fd).st_size > len(want):
            grow(os.fstat(fd).st_size)
    else:
        os.close(fd)
        fd = os.open(path, os.O_RDWR)
    if os.fstat(fd).st_size != len(want):
        sys.exit(f"seed {seed}, step {step}: size {os.fstat(fd).st_size}, not {len(want)}")
os.close(fd)
with open(path, "rb") as f:
    check(operations, "all", f.read(), bytes(want))
with open(path + ".want", "wb") as f:
    f.write(want)
