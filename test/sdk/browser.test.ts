// The client, bundled for a browser and run in a context without Node's globals.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createContext, runInContext } from 'node:vm'

import { expect, test } from 'vitest'

import { startInProcessDaemon } from '../support/in-process-daemon.ts'

const ENTRY = join(import.meta.dirname, '..', '..', 'src', 'sdk', 'index.ts')

/** The browser globals that the client uses. */
const { AbortController, AbortSignal, DOMException, fetch, TextDecoder, TextEncoder, URLSearchParams } =
  globalThis
const BROWSER = {
  AbortController,
  AbortSignal,
  DOMException,
  fetch,
  TextDecoder,
  TextEncoder,
  URLSearchParams,
}

test('the bundle imports no Node module, and calls and chats by fetch alone', async () => {
  const code = await bundle()
  expect(code).not.toMatch(/\bnode:|\brequire\(|__vite-browser-external/)
  await using broker = await startInProcessDaemon({ tcp: true })
  const page = createContext({ ...BROWSER, url: `http://127.0.0.1:${broker.daemon.tcp?.port}` })
  runInContext(code, page)
  const result: unknown = await runInContext(
    `(async () => {
      const broker = sdk.connect(sdk.httpTransport(url))
      let text = ''
      const messages = [{ role: 'user', content: 'hello' }]
      for await (const chunk of broker.streamChat({ model: 'auto', messages })) {
        text += chunk.choices[0]?.delta.content ?? ''
      }
      const refused = await broker.chat({ model: 'nobody', messages }).catch((thrown) => thrown)
      const { status } = await broker.call('health')
      return { text, status, refused: refused instanceof sdk.BrokerError && refused.code }
    })()`,
    page,
  )
  expect(result).toEqual({
    text: expect.stringContaining('hello') as string,
    status: 'ok',
    refused: 'no-such-model',
  })
})

/** Bundles with Vite, which is a dependency of the test runner. */
async function bundle(): Promise<string> {
  const vite = createRequire(import.meta.resolve('vitest')).resolve('vite')
  const { build } = (await import(pathToFileURL(vite).href)) as {
    build: (config: object) => Promise<Built[]>
  }
  const lib = { entry: ENTRY, formats: ['iife'], name: 'sdk' }
  const [built] = await build({ configFile: false, logLevel: 'silent', build: { lib, write: false } })
  return built?.output.map(({ code = '' }) => code).join('\n') ?? ''
}

interface Built {
  readonly output: readonly { readonly code?: string }[]
}
