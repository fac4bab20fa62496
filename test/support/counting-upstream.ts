import { createServer } from 'node:http'
import { join } from 'node:path'
import type { Step } from './scripted-upstream.ts'
import { tempFolder } from './temp-folder.ts'

/** A provider that counts the bytes of its requests, and keeps none of them. */
export interface CountingUpstream extends AsyncDisposable {
  readonly baseUrl: string
  /** Of each complete request, oldest first. */
  readonly bytes: readonly number[]
}

/** Listens on a Unix socket; each request is answered by the steps that `script` gives for it. */
export async function countingUpstream(script: () => readonly Step[]): Promise<CountingUpstream> {
  const folder = tempFolder()
  const bytes: number[] = []
  const server = createServer({ requestTimeout: 0 }, (request, response) => {
    let count = 0
    request.on('data', (piece: Buffer) => (count += piece.length))
    request.on('end', () => {
      bytes.push(count)
      void respond()
    })
    const closed = new Promise<'hung-up'>((resolve) => response.once('close', () => resolve('hung-up')))
    async function respond(): Promise<void> {
      for (const step of script()) await step(response, closed)
      response.end()
    }
  })
  const socketPath = join(folder.path, 's')
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  return {
    baseUrl: `http+unix://${encodeURIComponent(socketPath)}/v1`,
    bytes,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
      folder[Symbol.dispose]()
    },
  }
}
