import type { ChildProcess } from 'node:child_process'
import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { describe, expect, test } from 'vitest'

import { runProcess } from '../support/run-cli.ts'

const BIN = fileURLToPath(new URL('../../bin', import.meta.url))

describe('the launcher', () => {
  test('runs the sources in a clone, and dist where there are none', async () => {
    await using home = await packageFolder()
    await home.program('dist/cli/main.js', 'console.log("dist", process.argv.slice(2).join())')
    expect(await home.launch(process.execPath)).toEqual({ exit: 0, out: 'dist a,b\n', err: '' })
    await home.program('src/cli/main.ts', 'console.log("src" as string)')
    expect(await home.launch(process.execPath)).toEqual({ exit: 0, out: 'src\n', err: '' })
  })

  test('an old Node runs the program with a newer one from node_modules, and passes arguments and exit code', async () => {
    await using home = await packageFolder()
    await home.program('dist/cli/main.js', 'console.log(process.argv.slice(2).join()); process.exit(7)')
    const old = await home.oldNode()
    await home.installNode('24.1.0')
    expect(await home.launch(old)).toEqual({ exit: 7, out: 'a,b\n', err: '' })
  })

  test('a signal reaches the program, and the launcher exits as the program does', async () => {
    await using home = await packageFolder()
    await home.program(
      'dist/cli/main.js',
      'process.on("SIGTERM", () => process.exit(9)); console.log("up"); setInterval(() => {}, 1000)',
    )
    const old = await home.oldNode()
    await home.installNode('24.1.0')
    const run = await home.launch(old, (child) => child.stdout?.once('data', () => child.kill('SIGTERM')))
    expect(run.exit).toBe(9)
  })

  test.each([
    [
      'with a handler of SIGTERM, which it calls',
      'process.on("SIGTERM", () => { console.log("drained"); process.exit() });',
    ],
    ['without a handler', ''],
  ])('a program %s ends when its launcher is killed', async (_name, handler) => {
    await using home = await packageFolder()
    await home.program(
      'dist/cli/main.js',
      `${handler} console.log("up"); setTimeout(() => console.log("late"), 20_000)`,
    )
    const old = await home.oldNode()
    await home.installNode('24.1.0')
    const run = await home.launch(old, (child) => child.stdout?.once('data', () => child.kill('SIGKILL')))
    // The output ends only when the program, which shares it with the launcher, has ended too.
    expect(run.out.split('\n').slice(1).join('')).toBe(handler === '' ? '' : 'drained')
  })

  test('SIGUSR1 and SIGUSR2 neither open an inspector nor end a program', async () => {
    await using home = await packageFolder()
    await home.program('dist/cli/main.js', 'console.log("up"); setTimeout(() => process.exit(3), 300)')
    const run = await home.launch(process.execPath, (child) =>
      child.stdout?.once('data', () => {
        child.kill('SIGUSR1')
        child.kill('SIGUSR2')
      }),
    )
    expect(run).toEqual({ exit: 3, out: 'up\n', err: '' })
  })

  test('without a newer Node it prints what to install', async () => {
    await using home = await packageFolder()
    await home.program('dist/cli/main.js', '')
    const old = await home.oldNode()
    await home.installNode('22.1.0')
    const run = await home.launch(old)
    expect(run).toMatchObject({ exit: 1, out: '' })
    expect(run.err).toContain('needs Node 24 or newer; this is v20.0.0')
    expect(run.err).toContain('npm install --prefix')
  })
})

/** A package in the layout of npm, in a folder of its own. */
async function packageFolder() {
  const folder = await mkdtemp(join(tmpdir(), 'launch-'))
  await cp(BIN, join(folder, 'bin'), { recursive: true })
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  return {
    async program(path: string, code: string) {
      await mkdir(join(folder, path, '..'), { recursive: true })
      await writeFile(join(folder, path), code)
    },
    /** The current Node, which reports an old version until it is started under its real name. */
    async oldNode() {
      const preload = join(folder, 'old.cjs')
      await writeFile(
        preload,
        'for (const [of, key, value] of [[process.versions, "node", "20.0.0"], [process, "version", "v20.0.0"]]) ' +
          'Object.defineProperty(of, key, { value })',
      )
      const path = join(folder, 'old-node')
      await writeFile(path, `#!/bin/sh\nexec '${process.execPath}' --require '${preload}' "$@"\n`)
      await chmod(path, 0o755)
      return path
    },
    async installNode(version: string) {
      const home = join(folder, 'node_modules', `node-${process.platform}-${process.arch}`)
      await mkdir(join(home, 'bin'), { recursive: true })
      await symlink(process.execPath, join(home, 'bin', 'node'))
      await writeFile(join(home, 'package.json'), JSON.stringify({ version }))
    },
    async launch(node: string, during?: (child: ChildProcess) => void) {
      return runProcess(
        node,
        [join(folder, 'bin', 'hero_aibroker.js'), 'a', 'b'],
        during === undefined ? {} : { during },
      )
    },
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true })
    },
  }
}
