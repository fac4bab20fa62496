import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as passing } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { createRunFolder, runInSandbox } from '../../../../src/mcp-servers/hero/sandbox/sandbox.ts'
import { readSettings } from '../../../../src/mcp-servers/hero/settings.ts'
import type { Isolation } from '../../../../src/mcp-servers/hero/settings.ts'
import { readOpenRpc } from '../../../../src/mcp-servers/hero/services/openrpc.ts'
import { clientOf } from '../../../../src/mcp-servers/hero/services/python-client.ts'
import { hasNamespaces, ledgerDocument, pythonWithoutNamespaces } from '../../hero-support.ts'
import { tempFolder } from '../../../support/temp-folder.ts'

const MEGABYTE = 1024 * 1024
const { python } = readSettings({})
const limits = {
  seconds: 10,
  cpuSeconds: 1,
  memoryBytes: 256 * MEGABYTE,
  scratchBytes: 4 * MEGABYTE,
  outputBytes: 10_000,
  calls: 10,
}
const settings = { python, isolation: 'namespaces', limits } as const
const never = new AbortController().signal

async function run(
  code: string,
  { isolation = 'namespaces', bounds = {} }: { isolation?: Isolation; bounds?: Partial<typeof limits> } = {},
) {
  using folder = createRunFolder()
  const settings = { python, isolation, limits: { ...limits, ...bounds } }
  return await runInSandbox({ modules: { 'main.py': code }, checkOnly: false }, folder, settings, never)
}

describe.skipIf(!(await hasNamespaces()))('sandboxed code', () => {
  test('runs and sees nothing but Python and its sockets', async () => {
    const ran = await run(
      'import os, sys\nprint(sorted(os.listdir("/")), os.environ.get("PATH"), os.getpid())',
    )
    expect(ran).toMatchObject({ ending: 'finished', isolation: { level: 'namespaces', missing: [] } })
    expect(ran.stdout).not.toMatch(/home|root|etc|proc|tmp|bin/)
    expect(ran.stdout).toContain("'sockets'")
    expect(ran.stdout).toContain('None 2')
  })

  test('cannot read files of the machine', async () => {
    using folder = tempFolder()
    const secret = join(folder.path, 'secret.txt')
    writeFileSync(secret, 'the secret')
    for (const path of [
      '/etc/passwd',
      '/proc/self/environ',
      secret,
      `/proc/1/root${secret}`,
      '../../../../etc/hostname',
    ]) {
      const ran = await run(`print(open(${JSON.stringify(path)}).read())`)
      expect(ran).toMatchObject({
        ending: 'failed',
        stdout: '',
        stderr: expect.stringContaining('FileNotFoundError'),
      })
    }
  })

  test('can write only to its small scratch space', async () => {
    const library = await run('import os, json\nopen(os.path.dirname(json.__file__) + "/x.py", "w")')
    expect(library.stderr).toMatch(/Read-only file system/)
    const much = await run('for n in range(100): open(str(n), "wb").write(bytes(1000000))')
    expect(much.stderr).toMatch(/No space left/)
  })

  test('cannot open network sockets or Unix sockets that were not listed', async () => {
    using folder = tempFolder()
    const path = join(folder.path, 'other.sock')
    const other = createServer((socket) => socket.end('hello'))
    other.listen(path)
    await once(other, 'listening')
    const tries = {
      tcp: 'socket.create_connection(("127.0.0.1", 22), 2)',
      udp: 'socket.socket(socket.AF_INET, socket.SOCK_DGRAM)',
      raw: 'socket.socket(socket.AF_PACKET, socket.SOCK_RAW)',
      netlink: 'socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)',
      unix: `socket.socket(socket.AF_UNIX).connect(${JSON.stringify(path)})`,
      abstract: 'socket.socket(socket.AF_UNIX).connect("\\0anything")',
    }
    for (const attempt of Object.values(tries)) {
      const ran = await run(`import socket\n${attempt}\nprint("in")`)
      expect(ran).toMatchObject({ ending: 'failed', stdout: '' })
      expect(ran.stderr).toMatch(/PermissionError|FileNotFoundError|ConnectionRefusedError/)
    }
    other.close()
  })

  test('cannot start processes, so a fork bomb is a single error', async () => {
    for (const bomb of [
      'import os\nwhile True: os.fork()',
      'import subprocess\nsubprocess.run(["/bin/sh", "-c", "id"])',
      'import os\nos.execv("/bin/sh", ["sh"])',
      'import multiprocessing\nmultiprocessing.Process(target=print).start()',
      'import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nif libc.syscall(57) < 0 and libc.syscall(56, 17, 0, 0, 0, 0) < 0: raise PermissionError("no")',
    ]) {
      const ran = await run(bomb)
      expect(ran.ending).toBe('failed')
      expect(ran.stderr).toMatch(/PermissionError|Operation not permitted|No such file/)
    }
  })

  test('can start only a limited number of threads', async () => {
    const ran = await run(
      'import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()',
    )
    expect(ran.stderr).toMatch(/can't start new thread/)
  })

  test('cannot signal other processes or use dangerous system calls', async () => {
    const ran = await run(`
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def refused(number, *args):
    return libc.syscall(number, *args) == -1 and ctypes.get_errno() == 1
x86 = os.uname().machine == "x86_64"
print([name for name, number in (("mount", 165 if x86 else 40), ("unshare", 272 if x86 else 97),
      ("ptrace", 101 if x86 else 117), ("bpf", 321 if x86 else 280), ("io_uring", 425), ("kill", 62 if x86 else 129))
      if not refused(number, 0, 0, 0, 0, 0)])`)
    expect(ran.stdout).toBe('[]\n')
  })

  test('has no capabilities and cannot raise its limits', async () => {
    const ran = await run(
      'import resource\nresource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))',
    )
    expect(ran.stderr).toMatch(/ValueError|PermissionError/)
  })

  test.each([
    ['processor time', 'while True: pass', {}],
    ['time', 'import time\ntime.sleep(60)', { seconds: 1 }],
    ['output', 'while True: print("x" * 1000)', {}],
  ] as const)('is stopped at its limit of %s', async (ending, code, bounds) => {
    const ran = await run(code, { bounds })
    expect(ran.ending).toBe(ending)
    expect(ran.stdout.length).toBeLessThanOrEqual(limits.outputBytes)
  })

  test('is stopped at its limit of memory', async () => {
    const ran = await run('x = []\nwhile True: x.append(bytearray(10_000_000))')
    expect(ran).toMatchObject({ ending: 'failed', stderr: expect.stringContaining('MemoryError') })
  })

  test('cannot keep memory outside its address space', async () => {
    const machine = 'import os\nx86 = os.uname().machine == "x86_64"\n'
    const call = (x86: number, arm: number, args: string) =>
      `${machine}import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nprint(libc.syscall(${x86} if x86 else ${arm}, ${args}), ctypes.get_errno())`
    const attempts = {
      memfd: 'import os\nos.memfd_create("x")',
      'a secret memfd': call(447, 447, '0'),
      semaphores: call(64, 190, '0, 32000, 0o1600'),
      'shared memory': call(29, 194, '0, 1000000, 0o1600'),
      'a message queue': call(240, 180, 'b"/x", 66, 0o600, None'),
      'asynchronous I/O': call(206, 0, '65536, ctypes.byref(ctypes.c_ulong())'),
      'file watches': call(294, 26, '0'),
      'another filter': call(317, 277, '1, 0, None'),
      'a filter by prctl': call(157, 167, '22, 2, 0, 0, 0'),
      'a queue of connections': 'import socket\nsocket.socket(socket.AF_UNIX).bind("x")',
      'a queue of connections by listening': 'import socket\nsocket.socket(socket.AF_UNIX).listen(4096)',
      'accepted connections': call(288, 242, '1, None, None, 0'),
      'locks of open files':
        'import fcntl, struct\nfcntl.fcntl(open("x", "w"), 37, struct.pack("hhqqi4x", 1, 0, 0, 1, 0))',
      'a lease of a file':
        'import fcntl, os\nfcntl.fcntl(open(os.__file__), fcntl.F_SETLEASE, fcntl.F_RDLCK)',
      'large buffers of sockets':
        'import socket\nfor s in socket.socketpair(): s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 23)',
      'a large pipe': 'import fcntl, os\nfcntl.fcntl(os.pipe()[0], 1031, 1 << 20)',
    }
    for (const [name, attempt] of Object.entries(attempts)) {
      const ran = await run(attempt)
      expect(`${name}: ${ran.stdout}${ran.stderr}`).toMatch(/: -1 1\n$|PermissionError/)
    }
  })

  test('has one table of open files, whatever the number of its threads', async () => {
    const ran = await run(`
import ctypes, os, threading
libc = ctypes.CDLL(None, use_errno=True)
def unshare():
    CLOSE_RANGE_UNSHARE, CLONE_FILES = 2, 0x400
    print(libc.syscall(436, 3000, 3001, CLOSE_RANGE_UNSHARE), ctypes.get_errno())
    print(libc.syscall(272 if os.uname().machine == "x86_64" else 97, CLONE_FILES), ctypes.get_errno())
    # CLONE_VM, CLONE_SIGHAND and CLONE_THREAD without CLONE_FILES, on a stack that is never used
    stack = ctypes.create_string_buffer(65536)
    print(libc.syscall(56 if os.uname().machine == "x86_64" else 220, 0x10900, ctypes.addressof(stack) + 65536, 0, 0, 0), ctypes.get_errno())
thread = threading.Thread(target=unshare)
thread.start()
thread.join()
os.closerange(50, 60)`)
    expect(ran).toMatchObject({ stdout: '-1 38\n-1 1\n-1 1\n', stderr: '' })
  })

  test('keeps no locks of files in the kernel, and databases in files work', async () => {
    const ran = await run(
      `
import fcntl, sqlite3
file = open("locked", "w+b")
for at in range(3):
    fcntl.lockf(file, fcntl.LOCK_EX, 1, at * 3)
import ctypes, struct
F_OFD_GETLK = 36
held = fcntl.fcntl(file, F_OFD_GETLK, struct.pack("hhqqi4x", 1, 0, 0, 100, 0))
print("held" if struct.unpack("hhqqi4x", held)[0] != fcntl.F_UNLCK else "none")
with sqlite3.connect("data.db") as database:
    database.execute("create table t (x)")
    database.execute("insert into t values (42)")
print(sqlite3.connect("data.db").execute("select x from t").fetchone()[0])`,
    )
    expect(ran).toMatchObject({ stdout: 'none\n42\n', stderr: '' })
  })

  test.each([
    ['empty files', 'open(name, "w").close()'],
    ['folders', 'os.mkdir(name)'],
    ['symbolic links', 'os.symlink("x" * 4000, name)'],
    ['hard links', 'open("first", "a").close(); os.link("first", name)'],
    ['sockets', 's = socket.socket(socket.AF_UNIX); s.bind(name); s.close()'],
    [
      'attributes',
      'open("a%d" % (n // 50), "a").close(); os.setxattr("a%d" % (n // 50), "user.x%d" % n, bytes(60000))',
    ],
  ])('can create only a limited number of %s', async (_what, create) => {
    const code = `
import os, socket
n = 0
try:
    for n in range(1000000):
        name = "n%d" % n
        ${create}
except OSError as error:
    print(n, error.strerror)`
    const ran = await run(code, { bounds: { cpuSeconds: 5 } })
    expect(ran.stdout).toMatch(/^\d{1,4} (No space left on device|Operation not permitted)\n$/)
  })

  test('can import the standard library, whatever shared libraries it needs', async () => {
    const ran = await run(`
import bz2, ctypes, decimal, hashlib, lzma, sqlite3, ssl, uuid, zlib, zoneinfo
print(sqlite3.connect(":memory:").execute("select 6 * 7").fetchone()[0])
print(lzma.decompress(lzma.compress(bz2.decompress(bz2.compress(b"same")))).decode())
print(ssl.OPENSSL_VERSION.split()[0], zoneinfo.ZoneInfo("Europe/Brussels"))`)
    expect(ran).toMatchObject({ ending: 'finished', stderr: '' })
    expect(ran.stdout).toMatch(/^42\nsame\n\w+ Europe\/Brussels\n$/)
  })

  test('dies with the server, even when the server is killed', async () => {
    const sandbox = new URL('../../../../src/mcp-servers/hero/sandbox/sandbox.ts', import.meta.url).href
    const script = `
      const { createRunFolder, runInSandbox } = await import(${JSON.stringify(sandbox)})
      const job = { modules: { 'main.py': 'import time\\ntime.sleep(60)' }, checkOnly: false }
      await runInSandbox(job, createRunFolder(), ${JSON.stringify(settings)}, new AbortController().signal)`
    using folder = tempFolder()
    const server = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: 'ignore',
      env: { TMPDIR: folder.path },
    })
    await until(() => groupOf(childrenOf(server.pid)[0]).length === 3)
    const [leader] = childrenOf(server.pid)
    server.kill('SIGKILL')
    await until(() => groupOf(leader).length === 0)
    expect(groupOf(leader)).toEqual([])
  })

  test('leaves no folder behind', async () => {
    const path = await (async () => {
      using folder = createRunFolder()
      await runInSandbox(
        { modules: { 'main.py': 'open("x", "w")' }, checkOnly: false },
        folder,
        settings,
        never,
      )
      return folder.path
    })()
    expect(existsSync(path)).toBe(false)
  })
})

/** The processes of the machine: id, parent, group and whether it is a zombie. */
function processes() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
        const [state = '', parent, group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        return [{ pid: Number(name), parent: Number(parent), group: Number(group), isGone: state === 'Z' }]
      } catch {
        return []
      }
    })
}

const childrenOf = (pid: number | undefined) =>
  processes().flatMap((one) => (one.parent === pid ? one.pid : []))
const groupOf = (leader: number | undefined) =>
  processes().filter((one) => one.group === leader && !one.isGone)

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 15_000
  while (!holds()) {
    if (performance.now() > deadline) throw new Error('the condition did not hold within 15 s')
    await passing(10)
  }
}

describe.skipIf(!(await hasNamespaces()))('where the kernel provides no namespaces', () => {
  const job = (code: string) => ({ modules: { 'main.py': code }, checkOnly: false })

  test('nothing is run and the error states the reason and the setting to change', async () => {
    using other = tempFolder()
    using folder = createRunFolder()
    const settings = { python: pythonWithoutNamespaces(other.path), isolation: 'namespaces', limits } as const
    await expect(runInSandbox(job('print("ran")'), folder, settings, never)).rejects.toThrow(
      /nothing was run[^]*namespaces: [^]*MCP_HERO_ISOLATION=filters/,
    )
  })

  test('isolation “filters” runs code and reports the missing layers', async () => {
    using other = tempFolder()
    const settings = { python: pythonWithoutNamespaces(other.path), isolation: 'filters', limits } as const
    const runThere = async (code: string) => {
      using folder = createRunFolder()
      return await runInSandbox(job(code), folder, settings, never)
    }
    const ran = await runThere('print("ran")')
    expect(ran).toMatchObject({ stdout: 'ran\n', isolation: { level: 'filters' } })
    expect(ran.isolation.missing[0]).toMatch(/^no namespaces: names and sizes of files/)
    const attempts = [
      'open("/etc/passwd")',
      'import socket\nsocket.socket(socket.AF_INET)',
      'import os\nwhile True: os.fork()',
    ]
    for (const attempt of attempts) expect((await runThere(attempt)).stderr).toMatch(/PermissionError/)
  })

  test('isolation “filters” runs nothing where there is no Landlock', async () => {
    using other = tempFolder()
    using folder = createRunFolder()
    const python = pythonWithoutNamespaces(other.path, { withLandlock: false })
    const settings = { python, isolation: 'filters', limits } as const
    await expect(runInSandbox(job('print("ran")'), folder, settings, never)).rejects.toThrow(
      /nothing was run[^]*landlock: [^]*Function not implemented/,
    )
  })

  test('isolation “filters” lets code change no file of the account, nor fill its disk', async () => {
    using other = tempFolder()
    using mine = tempFolder()
    const file = join(mine.path, 'mine.txt')
    writeFileSync(file, 'mine', { mode: 0o600 })
    const settings = { python: pythonWithoutNamespaces(other.path), isolation: 'filters', limits } as const
    for (const attempt of [
      'open("x", "w")',
      'os.mkdir("x")',
      'os.symlink("x", "y")',
      'os.chmod(path, 0o777)',
      'os.utime(path, (0, 0))',
      'os.chown(path, os.getuid(), os.getgid())',
      'os.setxattr(path, "user.x", b"y")',
      'os.truncate(path, 0)',
      'os.unlink(path)',
      'os.rename(path, path + "2")',
      'os.memfd_create("x")',
      'print(os.listdir(os.path.dirname(path)))',
    ]) {
      using folder = createRunFolder()
      const code = `import os\npath = ${JSON.stringify(file)}\n${attempt}`
      const ran = await runInSandbox(job(code), folder, settings, never)
      expect(`${attempt}: ${ran.stderr}`).toMatch(/PermissionError: /)
    }
    expect(readFileSync(file, 'utf8')).toBe('mine')
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  test('isolation “filters” lets code reach the sockets of its run and no other of the account', async () => {
    using other = tempFolder()
    const path = join(other.path, 'other.sock')
    const real = createServer((socket) => socket.end('hello'))
    real.listen(path)
    await once(real, 'listening')
    using folder = createRunFolder()
    const listed = http.createServer((_request, response) => response.end('{"result": "fine"}'))
    listed.keepAliveTimeout = 0
    listed.listen(join(folder.sockets, 'ledger.sock'))
    await once(listed, 'listening')
    const service = readOpenRpc('ledger', ledgerDocument)
    const client = service === undefined ? '' : clientOf(service, path)
    const settings = { python: pythonWithoutNamespaces(other.path), isolation: 'filters', limits } as const
    const code = `
import socket, ledger
print(ledger.usage_summary(since=0), ledger.call("x", {}))
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    for attempt in (lambda: socket.socket(socket.AF_UNIX, kind), lambda: socket.socketpair(socket.AF_UNIX, kind)):
        try:
            attempt()
            print("opened")
        except PermissionError:
            pass
try:
    socket.socket(fileno=ledger.os.dup(ledger.CONNECTION)).connect(${JSON.stringify(path)})
    print("connected")
except OSError as error:
    print("refused")`
    const modules = { 'ledger.py': client, 'main.py': code }
    const ran = await runInSandbox({ modules, checkOnly: false }, folder, settings, never)
    expect(ran).toMatchObject({ stdout: 'fine fine\nrefused\n', stderr: '' })
    real.close()
    listed.closeAllConnections()
    listed.close()
  })
})
