// Real inference on this host; the usage of the response must equal the server's own metrics.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { createManagedServer } from '../../src/local-models/managed/managed-server.ts'
import { socketClient, temporaryFolder } from './support.ts'

const gguf =
  process.env['AIBROKER_TEST_GGUF'] ??
  join(import.meta.dirname, '..', '..', '..', 'shared', 'data', 'stories260K.gguf')

const llamaServer =
  'llama-server --host {socket} --threads 1 --parallel 1 --offline --no-ui --metrics --jinja'.split(' ')
/** The test model knows no chat roles. */
const passThrough = '{% for m in messages %}{{ m.content }}{% endfor %}'

const missing = whatIsMissing()
if (missing !== undefined) console.log(`skipped: real inference, for ${missing}`)

test.skipIf(missing !== undefined)(
  'llama-server starts on first use, generates text, reports the usage of its own metrics, and ends when idle',
  async () => {
    await using folder = await temporaryFolder()
    const socketPath = join(folder.path, 'llama.sock')
    let idle = () => {}
    const server = createManagedServer({
      name: 'llama-server',
      command: [...llamaServer, '-m', gguf, '--chat-template', passThrough],
      address: { socketPath },
      idleTimeoutMs: 1e9,
      clock: {
        ...systemClock,
        after: (ms, run) => {
          if (ms === 1e9) idle = run
          return ms === 1e9 ? () => {} : systemClock.after(ms, run)
        },
      },
    })
    const { ask, close } = socketClient(socketPath)
    try {
      expect(server.state().phase).toBe('stopped')
      const endUse = server.beginUse()
      await server.ready()
      const answer = (await (
        await ask('/v1/chat/completions', {
          method: 'POST',
          body: JSON.stringify({
            messages: [{ role: 'user', content: 'Once upon a time' }],
            temperature: 0,
            max_tokens: 16,
          }),
        })
      ).json()) as { choices: unknown[]; usage: { prompt_tokens: number; completion_tokens: number } }
      expect(answer.choices[0]).toMatchObject({
        finish_reason: 'length',
        message: { content: ', there was a little girl named Lily. She loved to play' },
      })
      const metrics = await (await ask('/metrics')).text()
      const meter = (name: string) => Number(new RegExp(`^llamacpp:${name} (\\d+)`, 'm').exec(metrics)?.[1])
      expect(answer.usage).toMatchObject({
        prompt_tokens: meter('prompt_tokens_total'),
        completion_tokens: meter('tokens_predicted_total'),
      })
      expect(answer.usage.completion_tokens).toBe(16)
      endUse()
      const { pid } = server.state()
      idle()
      await expect.poll(() => server.state().phase).toBe('stopped')
      expect(existsSync(`/proc/${pid}`)).toBe(false)
      expect(existsSync(socketPath)).toBe(false)
    } finally {
      await close()
      await server.close()
    }
  },
)

function whatIsMissing(): string | undefined {
  if (!existsSync(gguf)) return `there is no model at ${gguf}`
  try {
    execFileSync('llama-server', ['--version'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'there is no llama-server'
  }
}
