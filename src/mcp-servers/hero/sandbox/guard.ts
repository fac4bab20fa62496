/**
 * The Python program that isolates itself before it runs generated code. It reads one job from standard input, sets up
 * the isolation layers, reports on file descriptor 3 which of them are in force, closes it, and only then runs the code.
 * If a layer that the job requires can't be set up, the run ends before the code starts.
 *
 * Layers, outermost first: namespaces (no network, no other processes, a root folder with nothing but Python's own
 * library, the shared libraries that it loads, the sockets and a small scratch space), limits of memory, processor time and
 * files, no capabilities, Landlock where there are no namespaces (no file can be written there), and a system call filter (no
 * new processes, no sockets but Unix ones, no memory that the limits don't count).
 */
export const GUARD = String.raw`
import ctypes, errno, json, os, resource, signal, socket, struct, sys, sysconfig, traceback

libc = ctypes.CDLL(None, use_errno=True)
REFUSED = 97

# ---- the system calls that are denied, by architecture: (number on x86_64, number on aarch64) --------------------
DENIED = {
    'fork': (57, None), 'vfork': (58, None), 'execve': (59, 221), 'execveat': (322, 281), 'ptrace': (101, 117),
    'process_vm_readv': (310, 270), 'process_vm_writev': (311, 271), 'mount': (165, 40), 'umount2': (166, 39),
    'pivot_root': (155, 41), 'chroot': (161, 51), 'unshare': (272, 97), 'setns': (308, 268),
    'open_by_handle_at': (304, 265), 'name_to_handle_at': (303, 264), 'bpf': (321, 280),
    'perf_event_open': (298, 241), 'userfaultfd': (323, 282), 'keyctl': (250, 219), 'add_key': (248, 217),
    'request_key': (249, 218), 'kexec_load': (246, 104), 'kexec_file_load': (320, 294), 'init_module': (175, 105),
    'finit_module': (313, 273), 'delete_module': (176, 106), 'reboot': (169, 142), 'io_uring_setup': (425, 425),
    'io_uring_enter': (426, 426), 'io_uring_register': (427, 427), 'kill': (62, 129), 'tkill': (200, 130),
    'rt_sigqueueinfo': (129, 138), 'rt_tgsigqueueinfo': (297, 240), 'pidfd_send_signal': (424, 424),
    'pidfd_open': (434, 434), 'pidfd_getfd': (438, 438), 'open_tree': (428, 428), 'move_mount': (429, 429),
    'fsopen': (430, 430), 'fsconfig': (431, 431), 'fsmount': (432, 432), 'fspick': (433, 433),
    'mount_setattr': (442, 442), 'swapon': (167, 224), 'swapoff': (168, 225), 'acct': (163, 89),
    'personality': (135, 92), 'quotactl': (179, 60), 'mknod': (133, None), 'mknodat': (259, 33),
    'setpriority': (141, 140), 'sched_setscheduler': (144, 119), 'shmget': (29, 194), 'msgget': (68, 186),
    # memory that no limit of the address space or of the scratch space counts
    'memfd_create': (319, 279), 'memfd_secret': (447, 447), 'semget': (64, 190), 'mq_open': (240, 180),
    'io_setup': (206, 0), 'inotify_init': (253, None), 'inotify_init1': (294, 26), 'fanotify_init': (300, 262),
    'bind': (49, 200), 'listen': (50, 201), 'accept': (43, 202), 'accept4': (288, 242),  # connections that queue up
    'setxattr': (188, 5), 'lsetxattr': (189, 6), 'fsetxattr': (190, 7), 'setxattrat': (463, 463),
    'seccomp': (317, 277), 'landlock_create_ruleset': (444, 444),
}
# what Landlock does not cover: without namespaces, other files of the account could be changed with these, and other
# sockets of the account reached
UNCOVERED = {
    'socket': (41, 198), 'socketpair': (53, 199), 'connect': (42, 203),
    'chmod': (90, None), 'fchmod': (91, 52), 'fchmodat': (268, 53), 'fchmodat2': (452, 452), 'chown': (92, None),
    'fchown': (93, 55), 'lchown': (94, None), 'fchownat': (260, 54), 'utime': (132, None), 'utimes': (235, None),
    'futimesat': (261, None), 'utimensat': (280, 88), 'removexattr': (197, 14), 'lremovexattr': (198, 15),
    'fremovexattr': (199, 16), 'removexattrat': (466, 466),
}
CLONE, SOCKET, TGKILL, PRLIMIT = (56, 220), (41, 198), (234, 131), (302, 261)
# clone3 hides its flags from a filter; close_range gives a thread a table of open files of its own. Libraries do without both.
REPLACED = {'clone3': (435, 435), 'close_range': (436, 436)}
FCNTL, PRCTL, SET_SECCOMP = (72, 25), (157, 167), 22
SETSOCKOPT, SEND_BUFFER, RECEIVE_BUFFER, FORCED_SEND_BUFFER, FORCED_RECEIVE_BUFFER = (54, 208), 7, 8, 32, 33
SET_LOCK, SET_LOCK_AND_WAIT = 6, 7
SET_PIPE_SIZE, SET_FILE_LOCK, SET_FILE_LOCK_AND_WAIT, SET_LEASE, WATCH = 1031, 37, 38, 1024, 1026
ARCHITECTURES = {'x86_64': (0, 0xC000003E), 'aarch64': (1, 0xC00000B7)}
ALLOW, KILL, DENY, ABSENT = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
SKIP = 0x00050000  # succeeds without having done anything
THREAD_WITH_SAME_FILES = 0x00010000 | 0x00000400  # CLONE_THREAD and CLONE_FILES


def check(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, what + ': ' + os.strerror(number))
    return result


def prctl(*args):
    return libc.prctl(*[ctypes.c_ulong(arg) for arg in args + (0,) * (5 - len(args))])


def die_with_parent():
    check(prctl(1, signal.SIGKILL), 'prctl(PDEATHSIG)')


def write(path, text):
    with open(path, 'w') as file:
        file.write(text)


# ---- namespaces --------------------------------------------------------------------------------------------------
NAMESPACES = 0x10000000 | 0x00020000 | 0x20000000 | 0x40000000 | 0x08000000 | 0x04000000  # user mount pid net ipc uts
RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
# Each file takes about 1 KB of memory, also an empty one.
MAX_FILES = 2048
# statvfs flag -> mount flag: what the source mount has must stay, or the kernel refuses the remount
KEPT = {8: 8, 1024: 1024, 2048: 2048, 4096: 1 << 21}


def mount(source, target, kind, flags, data=None):
    encode = lambda text: None if text is None else text.encode()
    result = libc.mount(encode(source), encode(target), encode(kind), ctypes.c_ulong(flags), encode(data))
    check(result, 'mount ' + target)


def bind_readonly(source, target):
    os.makedirs(target, exist_ok=True)
    mount(source, target, None, BIND | REC)
    have = os.statvfs(target).f_flag
    kept = sum(flag for bit, flag in KEPT.items() if have & bit)
    mount(None, target, None, BIND | REMOUNT | RDONLY | NOSUID | NODEV | kept)


def library_folders():
    paths = sysconfig.get_paths()
    own = [paths['stdlib'], paths['platstdlib']]
    architecture = sysconfig.get_config_var('MULTIARCH') or 'none'
    shared = [folder + '/' + architecture for folder in ('/lib', '/usr/lib')]
    if not any(os.path.isdir(folder) for folder in shared):
        shared = ['/lib', '/lib64', '/usr/lib', '/usr/lib64']
    folders = dict.fromkeys(path for path in own + shared + ['/usr/share/zoneinfo'] if os.path.isdir(path))
    # A folder inside another one comes with it; bound first, it would keep the outer one from being bound.
    return [path for path in folders if not any(path.startswith(outer + '/') for outer in folders)]


def bind_library(path, root):
    # Links such as /lib -> usr/lib are made again, and what they lead to is bound where it is.
    at = ''
    for part in path.strip('/').split('/'):
        at += '/' + part
        if os.path.islink(at):
            if not os.path.lexists(root + at):
                os.makedirs(os.path.dirname(root + at), exist_ok=True)
                os.symlink(os.readlink(at), root + at)
            return bind_library(os.path.realpath(path), root)
    if not os.path.ismount(root + path):
        bind_readonly(path, root + path)


def enter_namespaces(job):
    uid, gid = os.geteuid(), os.getegid()
    check(libc.unshare(NAMESPACES), 'unshare')
    die_with_parent()  # again, for the kernel forgets it when capabilities are gained
    write('/proc/self/setgroups', 'deny')
    write('/proc/self/uid_map', '1000 %d 1' % uid)
    write('/proc/self/gid_map', '1000 %d 1' % gid)
    become_child()  # process 1 of the new process namespace
    build_root(job['folder'] + '/root', job)
    libc.sethostname(b'sandbox', 7)
    become_child()  # process 1 is spared signals that its own namespace sends, so the code gets number 2


def become_child():
    child = os.fork()
    if child == 0:
        die_with_parent()
        return
    os.close(3)
    _, status = os.waitpid(child, 0)
    os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))


def build_root(root, job):
    mount(None, '/', None, REC | PRIVATE)
    options = 'mode=0755,size=%d,nr_inodes=%d' % (job['limits']['scratchBytes'], MAX_FILES)
    mount('none', root, 'tmpfs', NOSUID | NODEV | NOEXEC, options)
    for path in library_folders():
        bind_library(path, root)
    bind_readonly(job['sockets'], root + '/sockets')
    os.makedirs(root + '/work')
    os.makedirs(root + '/.old')
    number = {'x86_64': 155, 'aarch64': 41}[os.uname().machine]
    check(libc.syscall(number, root.encode(), (root + '/.old').encode()), 'pivot_root')
    os.chdir('/')
    check(libc.umount2(b'/.old', 2), 'umount')
    os.rmdir('/.old')


# ---- what holds without namespaces too -----------------------------------------------------------------------------
def set_limits(limits):
    cpu = limits['cpuSeconds']
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
    for name, value in (('AS', limits['memoryBytes']), ('FSIZE', limits['scratchBytes']), ('NOFILE', 64), ('CORE', 0),
                        ('NPROC', 512), ('MEMLOCK', 0), ('MSGQUEUE', 0), ('SIGPENDING', 512)):
        number = getattr(resource, 'RLIMIT_' + name, None)
        if number is not None:
            resource.setrlimit(number, (value, value))


def drop_capabilities():
    for capability in range(64):
        if prctl(24, capability) != 0:
            break
    header, nothing = struct.pack('Ii', 0x20080522, 0), bytes(24)
    check(libc.capset(ctypes.create_string_buffer(header), ctypes.create_string_buffer(nothing)), 'capset')
    check(prctl(38, 1), 'prctl(NO_NEW_PRIVS)')


READ_FILE, READ_FOLDER = 1 << 2, 1 << 3


def landlock(readable):
    version = libc.syscall(444, None, 0, 1)
    check(version, 'landlock')
    everything = (1 << {1: 13, 2: 14}.get(version, 15)) - 1
    # From version 6 on, abstract sockets and signals of other processes too.
    rules = struct.pack('QQQ', everything, 0, 3) if version >= 6 else struct.pack('Q', everything)
    ruleset = check(libc.syscall(444, rules, len(rules), 0), 'landlock ruleset')
    for path in readable:
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack('=Qi', READ_FILE | READ_FOLDER, folder)
        check(libc.syscall(445, ruleset, 1, rule, 0), 'landlock rule')
        os.close(folder)
    check(libc.syscall(446, ruleset, 0), 'landlock enforce')
    os.close(ruleset)


def filter_system_calls(denied):
    at, architecture = ARCHITECTURES[os.uname().machine]
    load, mask, jump_equal, jump_above, give = 0x20, 0x54, 0x15, 0x35, 0x06
    number, argument = 0, 16
    program = [(load, 0, 0, 4), (jump_equal, 1, 0, architecture), (give, 0, 0, KILL), (load, 0, 0, number)]
    if at == 0:  # the x32 numbers would go around the list
        program += [(jump_above, 0, 1, 0x40000000), (give, 0, 0, DENY)]
    for numbers in denied.values():
        if numbers[at] is not None:
            program += [(jump_equal, 0, 1, numbers[at]), (give, 0, 0, DENY)]
    for numbers in REPLACED.values():
        program += [(jump_equal, 0, 1, numbers[at]), (give, 0, 0, ABSENT)]
    program += [(jump_equal, 0, 5, CLONE[at]), (load, 0, 0, argument), (mask, 0, 0, THREAD_WITH_SAME_FILES),
                (jump_equal, 0, 1, THREAD_WITH_SAME_FILES), (give, 0, 0, ALLOW), (give, 0, 0, DENY)]
    for numbers, value in ((SOCKET, 1), (TGKILL, os.getpid()), (PRLIMIT, 0)):
        program += [(jump_equal, 0, 4, numbers[at]), (load, 0, 0, argument), (jump_equal, 0, 1, value),
                    (give, 0, 0, ALLOW), (give, 0, 0, DENY)]
    # Each lock takes memory that no limit counts. The only process that has these files needs none.
    for numbers, argument, verdicts in (
        (FCNTL, 24, {SET_LOCK: SKIP, SET_LOCK_AND_WAIT: SKIP, SET_FILE_LOCK: DENY, SET_FILE_LOCK_AND_WAIT: DENY,
                     SET_LEASE: DENY, WATCH: DENY, SET_PIPE_SIZE: DENY}),
        (PRCTL, 16, {SET_SECCOMP: DENY}),
        (SETSOCKOPT, 32, dict.fromkeys(
            (SEND_BUFFER, RECEIVE_BUFFER, FORCED_SEND_BUFFER, FORCED_RECEIVE_BUFFER), DENY)),
    ):
        program += [(jump_equal, 0, 2 + 2 * len(verdicts), numbers[at]), (load, 0, 0, argument)]
        for value, verdict in verdicts.items():
            program += [(jump_equal, 0, 1, value), (give, 0, 0, verdict)]
        program += [(give, 0, 0, ALLOW)]
    program += [(give, 0, 0, ALLOW)]
    code = b''.join(struct.pack('HBBI', *step) for step in program)
    steps = ctypes.create_string_buffer(code, len(code))
    whole = struct.pack('HxxxxxxP', len(program), ctypes.addressof(steps))
    buffer = ctypes.create_string_buffer(whole, len(whole))
    check(prctl(22, 2, ctypes.addressof(buffer)), 'seccomp')


# ---- the run ---------------------------------------------------------------------------------------------------------
def set_up_layers(job):
    layers, missing = [], []

    def layer(name, build):
        try:
            build()
            layers.append(name)
        except Exception as error:
            missing.append({'layer': name, 'reason': str(error)})

    if job['namespaces']:
        layer('namespaces', lambda: enter_namespaces(job))
    inside = 'namespaces' in layers
    connections = {} if inside else open_connections(job['sockets'])
    work = '/work' if inside else job['folder'] + '/work'
    sockets = '/sockets' if inside else job['sockets']
    os.chdir(work)
    for name, source in job['modules'].items():
        write(work + '/' + name, source)
    layer('limits', lambda: set_limits(job['limits']))
    if sys.platform == 'linux':
        layer('no capabilities', drop_capabilities)
        if not inside:
            layer('landlock', lambda: landlock(library_folders() + [work]))
        layer('system call filter', lambda: filter_system_calls(DENIED if inside else {**DENIED, **UNCOVERED}))
    return layers, missing, work, sockets, connections


def open_connections(folder):
    # One to each socket of the run: without namespaces the code may open none itself.
    connections = {}
    for name in sorted(os.listdir(folder)):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(folder + '/' + name)
        connections[name[:-len('.sock')]] = connection.detach()
    return connections


def run(job, work):
    source = job['modules']['main.py']
    try:
        code = compile(source, work + '/main.py', 'exec')
        if not job['checkOnly']:
            main = {'__name__': '__main__', '__builtins__': __builtins__}
            sys.argv = ['main.py']
            exec(code, main)
        status = 0
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
        if status == 1 and not isinstance(stop.code, int):
            print(stop.code, file=sys.stderr)
    except BaseException as error:
        frames = error.__traceback__.tb_next if error.__traceback__ is not None else None
        traceback.print_exception(type(error), error, frames)
        status = 1
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status & 0x7F)


def start():
    job = json.load(sys.stdin)
    if sys.platform == 'linux':
        die_with_parent()
    nothing = os.open('/dev/null', os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    layers, missing, work, sockets, connections = set_up_layers(job)
    lacking = [name for name in job['required'] if name not in layers]
    report = {'layers': layers, 'missing': missing, 'refused': lacking}
    os.write(3, json.dumps(report).encode())
    os.close(3)
    if lacking:
        os._exit(REFUSED)
    os.environ.clear()
    if connections:
        os.environ['HERO_CONNECTIONS'] = json.dumps(connections)
    os.environ.update({'HERO_SOCKETS': sockets, 'TZ': 'UTC', 'LANG': 'C.UTF-8', 'HOME': work})
    sys.path[:] = [work] + [path for path in sys.path if path]
    run(job, work)


start()
`
