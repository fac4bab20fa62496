import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { runProcess } from '../support/run-cli.ts'
import { startBroker } from '../support/start-broker.ts'

const run = promisify(execFile)

test('without configuration the banner shows the sockets, what to set, and a command that works', async () => {
  await using broker = await startBroker()
  const banner = broker.stdout()
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  expect(banner).toContain(`hero_aibroker ${version}\n`)
  expect(banner).toContain(`${broker.sockets.folder}/{rest,rpc,web_v1}.sock`)
  expect(banner).toMatch(
    /^ {2}models +only the echo’s on offer, \d+ more with a key of their providers, from \/.*modelsconfig\.yml$/m,
  )
  expect(banner).toContain(join(broker.folder, 'v', 'hero_aibroker'))
  expect(banner.split('\n').filter((line) => line.includes('OPENROUTER_API_KEY'))).toHaveLength(1)

  const line = banner.split('\n').find((each) => each.startsWith('  curl ')) ?? ''
  const { stdout } = await run('bash', ['-c', `${line} --silent --show-error --fail`])
  const answer = JSON.parse(stdout) as { choices: { message: { content: string } }[] }
  expect(answer.choices[0]?.message.content).toContain('Hello!')
})

test('the banner shows the number of keys of each provider but no key', async () => {
  await using broker = await startBroker({
    env: { OPENAI_API_KEY: 'canary-1', GROQ_API_KEYS: 'canary-2,canary-3' },
  })
  expect(broker.stdout()).toContain('openai (1 key)')
  expect(broker.stdout()).toContain('groq (2 keys)')
  expect(broker.stdout()).toMatch(
    /^ {2}models +[1-9]\d* on offer, \d+ more with a key of their providers, from /m,
  )
  expect(broker.stdout()).not.toContain('canary')
  expect(broker.stdout()).not.toContain('OPENROUTER_API_KEY')
  expect(broker.stderr()).not.toContain('canary')
})

test('the daemon starts quickly and with little memory', async () => {
  await using broker = await startBroker()
  // The garbage of the start is freed by the time of the first response.
  await broker.get('/health')
  const status = readFileSync(`/proc/${broker.pid}/status`, 'utf8')
  const residentMiB = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024
  const seconds = cpuSecondsOf(broker.pid)
  console.log(
    `ready after ${Math.round(broker.readyMs)} ms with ${seconds} s of CPU, ${Math.round(residentMiB)} MiB resident`,
  )
  // On an idle machine it is ready in well under a second. CPU time does not depend on how busy the machine is.
  expect(seconds).toBeLessThan(4)
  expect(residentMiB).toBeLessThan(160)
})

test('a bad setting is reported by name and the daemon does not start', async () => {
  const starting = startBroker({ env: { ROUTING_STRATEGY: 'luck', AIBROKER_BODY_LIMIT_MB: '-1' } })
  await expect(starting).rejects.toThrow(
    /ended with 2: .*ROUTING_STRATEGY is “luck”.*\n.*AIBROKER_BODY_LIMIT_MB/,
  )
})

test.each([
  ['hero_aibroker_server', '--bogus'],
  ['hero_aibroker_server', 'serve'],
  ['hero_aibroker_services', '--bogus'],
])('%s %s is a usage error: exit code 2 and a hint at --help', async (program, argument) => {
  const { exit, err } = await runProcess(process.execPath, [`bin/${program}.js`, argument])
  expect(err).toContain('(--help shows what there is)')
  expect(exit).toBe(2)
})

test.each(['hero_aibroker_server', 'hero_aibroker_services', 'hero_aibroker_admin'])(
  '%s --help on a full disk says so',
  async (program) => {
    const { exit, err } = await runProcess('sh', [
      '-c',
      `exec ${process.execPath} bin/${program}.js --help > /dev/full`,
    ])
    expect({ exit, err }).toEqual({
      exit: 1,
      err: `${program}: the output can’t be written: ENOSPC: no space left on device, write\n`,
    })
  },
)

test.each(['hero_aibroker_server', 'hero_aibroker_services'])('%s --help exits with 0', async (program) => {
  const { exit, out, err } = await runProcess(process.execPath, [`bin/${program}.js`, '--help'])
  expect(out).toContain(`Usage: ${program}`)
  expect({ exit, err }).toEqual({ exit: 0, err: '' })
})

/** From the 14th and 15th field of `stat`, in hundredths; the second holds the name and may have spaces. */
function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}
