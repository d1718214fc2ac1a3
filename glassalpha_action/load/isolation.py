"""Shuts the process it runs in away from network, files and other processes, for good, and says which layers hold."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
import site
import struct
import sys
import sysconfig
from pathlib import Path
from typing import Any

NOBODY = 65534

# Threads, files for reading, memory and clocks. What is not named here is refused: sockets, processes, signals,
# io_uring, every call that changes a file. Name, number on x86_64, number on aarch64 ("-" where there is no such call).
CALLS = """
read 0 63  write 1 64  readv 19 65  writev 20 66  pread64 17 67  pwrite64 18 68  close 3 57  close_range 436 436
lseek 8 62  stat 4 -  fstat 5 80  lstat 6 -  newfstatat 262 79  statx 332 291  access 21 -  faccessat 269 48
faccessat2 439 439  readlink 89 -  readlinkat 267 78  getcwd 79 17  chdir 80 49  fchdir 81 50  getdents 78 -
getdents64 217 61  statfs 137 43  fstatfs 138 44  dup 32 23  dup2 33 -  dup3 292 24  pipe 22 -  pipe2 293 59  poll 7 -
ppoll 271 73  select 23 -  pselect6 270 72  epoll_create1 291 20  epoll_ctl 233 21  epoll_wait 232 -  epoll_pwait 281 22
eventfd2 290 19  fadvise64 221 223  readahead 187 213  umask 95 166  mmap 9 222  munmap 11 215  mprotect 10 226
mremap 25 216  madvise 28 233  brk 12 214  msync 26 227  mincore 27 232  mlock 149 228  munlock 150 229  mlock2 325 284
membarrier 324 283  pkey_alloc 330 289  pkey_free 331 290  pkey_mprotect 329 288  get_mempolicy 239 236  futex 202 98
futex_waitv 449 449  set_robust_list 273 99  get_robust_list 274 100  rseq 334 293  set_tid_address 218 96
sched_yield 24 124  sched_getaffinity 204 123  sched_getparam 143 121  sched_getscheduler 145 120
sched_get_priority_max 146 125  sched_get_priority_min 147 126  getcpu 309 168  arch_prctl 158 -  rt_sigaction 13 134
rt_sigprocmask 14 135  rt_sigreturn 15 139  rt_sigpending 127 136  rt_sigtimedwait 128 137  sigaltstack 131 132
restart_syscall 219 128  pause 34 -  clock_gettime 228 113  clock_getres 229 114  clock_nanosleep 230 115
nanosleep 35 101  gettimeofday 96 169  time 201 -  times 100 153  getitimer 36 102  getpid 39 172  getppid 110 173
gettid 186 178  getuid 102 174  geteuid 107 175  getgid 104 176  getegid 108 177  getresuid 118 148  getresgid 120 150
getgroups 115 158  getpgrp 111 -  getpgid 121 155  getsid 124 156  getrlimit 97 163  getrusage 98 165
getpriority 140 141  capget 125 90  uname 63 160  sysinfo 99 179  getrandom 318 278  exit 60 93  exit_group 231 94
"""
# machine -> (column of CALLS, audit architecture, open or None, openat, clone, fcntl, ioctl, prlimit64)
MACHINES: dict[str, tuple[int, int, int | None, int, int, int, int, int]] = {
    "x86_64": (1, 0xC000003E, 2, 257, 56, 72, 16, 302),
    "aarch64": (2, 0xC00000B7, None, 56, 220, 25, 29, 261),
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | 0o20000000  # last: O_TMPFILE
CLONE_THREAD, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWNET = 0x10000, 0x8000000, 0x10000000, 0x40000000
FCNTL_COMMANDS = (0, 1, 2, 3, 4, 1030)  # duplicate, flags; not F_SETOWN, which can aim a signal at another process
IOCTL_COMMANDS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5451)  # what opening a file asks: terminal? size? bytes waiting?
NEWEST_NUMBERING = 424  # from here on all machines share numbers, and libraries fall back when told "no such call"

ALLOW, KILL, REFUSE, UNKNOWN = 0x7FFF0000, 0x80000000, 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
Instruction = tuple[int, int, int, int]


def _when(number: int, body: list[Instruction]) -> list[Instruction]:
    return [(EQUAL, 0, len(body), number), *body]


def _argument(index: int) -> Instruction:
    return (LOAD, 0, 0, 16 + 8 * index)


def _among(number: int, index: int, values: tuple[int, ...]) -> list[Instruction]:
    allowed = [step for value in values for step in ((EQUAL, 0, 1, value), (RETURN, 0, 0, ALLOW))]
    return _when(number, [_argument(index), *allowed, (RETURN, 0, 0, REFUSE)])


def build_filter(machine: str) -> bytes:
    """The seccomp program for `machine` (a key of MACHINES), as the kernel's struct sock_filter array."""
    column, architecture, open_, openat, clone, fcntl, ioctl, prlimit = MACHINES[machine]
    words = CALLS.split()
    numbers = sorted(int(n) for n in words[column::3] if n != "-")
    program: list[Instruction] = [
        *[(LOAD, 0, 0, 4), (EQUAL, 1, 0, architecture), (RETURN, 0, 0, KILL), (LOAD, 0, 0, 0)],
        *[step for number in numbers for step in ((EQUAL, 0, 1, number), (RETURN, 0, 0, ALLOW))],
    ]
    ends: list[Instruction] = [(RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW)]
    for number, index in ((open_, 1), (openat, 2)):
        if number is not None:
            program += _when(number, [_argument(index), (ANY_BIT, 0, 1, WRITING), *ends])
    program += _when(clone, [_argument(0), (ANY_BIT, 1, 0, CLONE_THREAD), *ends])
    program += _among(fcntl, 1, FCNTL_COMMANDS) + _among(ioctl, 1, IOCTL_COMMANDS)
    # Reading a limit (no new value: both halves of that pointer are zero) is allowed, setting one is not.
    program += _when(prlimit, [_argument(2), (EQUAL, 0, 3, 0), (LOAD, 0, 0, 36), (EQUAL, 0, 1, 0), *reversed(ends)])
    program += [(AT_LEAST, 0, 1, NEWEST_NUMBERING), (RETURN, 0, 0, UNKNOWN), (RETURN, 0, 0, REFUSE)]
    return b"".join(struct.pack("<HBBI", *step) for step in program)


def install_filter(libc: Any, program: bytes) -> bool:
    """Put a seccomp program on every thread of this process; False where the kernel does not."""
    code = ctypes.create_string_buffer(program, len(program))
    fprog = struct.pack("<HxxxxxxQ", len(program) // 8, ctypes.addressof(code))
    filter_call = {"x86_64": 317, "aarch64": 277}[os.uname().machine]
    return bool(libc.syscall(filter_call, 1, 1, fprog) == 0)  # SECCOMP_SET_MODE_FILTER, on all threads


def _seccomp(libc: Any) -> bool:
    machine = os.uname().machine
    if machine not in MACHINES or sys.maxsize < 2**32 or not install_filter(libc, build_filter(machine)):
        return False
    return bool(libc.socket(1, 1, 0) == -1 and ctypes.get_errno() == errno.EPERM)


def _readable_paths() -> list[str]:
    """What an import or a lazily opened library needs: never a source checkout that a .pth file names, nor a home."""
    user = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    python = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), *site.getsitepackages(), *user]
    prefixes = [f"{prefix}/{lib}" for prefix in (sys.prefix, sys.base_prefix) for lib in ("lib", "lib64")]
    system = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/etc/localtime"]
    devices = ["/usr/share/zoneinfo", "/sys/fs/cgroup", "/sys/devices/system/cpu", "/dev/null", "/dev/urandom"]
    return python + prefixes + system + devices


def _landlock(libc: Any) -> bool:
    version = libc.syscall(444, None, 0, 1)
    if version < 1:
        return False
    rights = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)) - 1
    ruleset = struct.pack("<QQQ", rights, 3, 3)[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset_fd = libc.syscall(444, ruleset, len(ruleset), 0)
    if ruleset_fd < 0:
        return False
    for path in _readable_paths():
        with contextlib.suppress(OSError):
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
            libc.syscall(445, ruleset_fd, 1, struct.pack("<Qi", 12 if Path(path).is_dir() else 4, fd), 0)
            os.close(fd)
    shut = bool(libc.syscall(446, ruleset_fd, 0) == 0)
    os.close(ruleset_fd)
    with contextlib.suppress(PermissionError):
        os.close(os.open("/", os.O_RDONLY | os.O_DIRECTORY))
        return False
    return shut


def _network_namespace(libc: Any) -> bool:
    flags = CLONE_NEWNET | CLONE_NEWIPC
    return bool(libc.unshare(flags if os.geteuid() == 0 else flags | CLONE_NEWUSER) == 0)


def _nobody_can_import() -> bool:
    """Whether another user reaches this installation (root's own, below /root, is out of its reach)."""
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        files = [f"{folder}/numpy/__init__.py" for folder in sys.path]
        reached = [path for path in (os.__file__, *files) if os.access(path, os.R_OK, effective_ids=True)]
        return os.__file__ in reached and len(reached) > 1
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def _another_user() -> bool:
    try:
        if os.geteuid() != 0 or not _nobody_can_import():
            return False
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    except PermissionError:
        return False
    return True


def _no_capabilities(libc: Any) -> bool:
    return bool(libc.capset(struct.pack("<Ii", 0x20080522, 0), bytes(24)) == 0)


def _limit(memory: int, seconds: int, sandboxed: bool) -> bool:
    import resource

    limits = {"RLIMIT_AS": memory, "RLIMIT_CORE": 0}
    if sandboxed:
        limits |= {"RLIMIT_CPU": seconds, "RLIMIT_FSIZE": 0, "RLIMIT_NOFILE": 256, "RLIMIT_NPROC": 512}
    applied = [_set_limit(getattr(resource, name), value) for name, value in limits.items()]
    return all(applied)


def _set_limit(which: int, value: int) -> bool:
    import resource

    hard = resource.getrlimit(which)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    try:
        resource.setrlimit(which, (value, value))
    except (OSError, ValueError):
        return False
    return True


def shut_in(settings: dict[str, Any]) -> list[str]:
    """Put on every layer this system has, for good; returns those in force, each by its return code or a probe."""
    sandboxed = settings["sandboxed"]
    limited = _limit(settings["memory"], settings["seconds"], sandboxed)
    layers = ["resource limits"] if limited else []
    if sys.platform != "linux":
        return layers
    libc = ctypes.CDLL(None, use_errno=True)
    if sandboxed:
        if _network_namespace(libc):
            layers.append("network namespace")
        if _another_user():
            layers.append(f"another user ({NOBODY})")
        if _no_capabilities(libc):
            layers.append("no capabilities")
    libc.prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG; a change of user clears it, so it comes after
    if os.getppid() != settings["parent"]:
        os._exit(1)
    if sandboxed:
        libc.prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
        libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
        if _landlock(libc):
            layers.append("Landlock file access")
        if _seccomp(libc):
            layers.append("seccomp filter")
        else:
            import resource

            _set_limit(resource.RLIMIT_NPROC, 1)  # without the filter this alone stops a fork
    return layers
