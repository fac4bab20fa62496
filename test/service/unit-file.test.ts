import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { statusOf } from '../../src/service/systemd/systemd.ts'
import { unitFile } from '../../src/service/systemd/unit-file.ts'
import { tempFolder } from '../support/temp-folder.ts'

const definition = {
  name: 'hero_aibroker',
  manager: 'systemd',
  scope: 'user',
  program: '/bin/true',
  args: ['--address', '127.0.0.1', 'a "quoted" 50% $word'],
  environment: { MODELS_CONFIG_PATH: '/home/ada/my models.yml', ODD: '50% "x" $HOME' },
  rpcSocket: '/run/x/rpc.sock',
} as const

const unit = unitFile(definition, {
  node: process.execPath,
  ready: [process.execPath, '/bin/true'],
  writable: ['/var/lib/a b'],
})

/** Whether `systemd-analyze` is on this machine: it checks units without a systemd that runs. */
function hasAnalyze(): boolean {
  try {
    execFileSync('systemd-analyze', ['--version'])
    return true
  } catch {
    return false
  }
}

test.skipIf(!hasAnalyze())(
  'systemd accepts the unit without a warning, and rates its hardening as medium or better',
  () => {
    using folder = tempFolder()
    const path = join(folder.path, 'hero_aibroker.service')
    writeFileSync(path, unit)
    const verified = execFileSync('systemd-analyze', ['verify', path], { encoding: 'utf8' })
    expect(verified).toBe('')
    const rated = execFileSync('systemd-analyze', ['security', '--offline=true', '--no-pager', path], {
      encoding: 'utf8',
    })
    expect(rated).toMatch(/exposure level.*(MEDIUM|OK)/)
  },
)

test('words of the command line are quoted, so that systemd expands nothing in them', () => {
  expect(unit).toContain(String.raw`"a \"quoted\" 50%% $$word"`)
  expect(unit).toContain(String.raw`Environment="ODD=50%% \"x\" $HOME"`)
  expect(unit).toContain('Environment="MODELS_CONFIG_PATH=/home/ada/my models.yml"')
})

test.each([
  [
    'ActiveState=active\nMainPID=12\nNRestarts=3\nResult=success\n',
    { state: 'running', pid: 12, restarts: 3 },
  ],
  [
    'ActiveState=activating\nMainPID=0\nNRestarts=1\nResult=signal\n',
    { state: 'waiting', lastExit: 'signal' },
  ],
  [
    'ActiveState=failed\nMainPID=0\nNRestarts=0\nResult=exit-code\n',
    { state: 'stopped', lastExit: 'exit-code' },
  ],
])('the properties %j of systemd become the status of the service', (properties, status) => {
  expect(statusOf(properties)).toMatchObject(status)
})
