/**
 * A provider that really speaks (flite) and listens (pocketsphinx, for digits), in OpenAI's form on a Unix socket:
 *
 *     await using engine = await speechEngine()
 *     … startBroker({ env: openaiAt(engine) }) …
 */
import { execFile } from 'node:child_process'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { existsSync, writeFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { tempFolder } from './temp-folder.ts'

export interface SpeechEngine extends AsyncDisposable {
  readonly baseUrl: string
}

const run = promisify(execFile)
const PROGRAMS = ['flite', 'pocketsphinx_continuous']
const ACOUSTIC_MODEL = '/usr/share/pocketsphinx/model/en-us/en-us'
const GRAMMAR = `#JSGF V1.0;
grammar digits;
public <digits> = (zero | one | two | three | four | five | six | seven | eight | nine)+;
`
/** Sound of flite's voice `kal16`: 16 bits, mono, at 16 kHz, behind a header of 44 bytes. */
const BYTES_PER_SECOND = 32_000
const HEADER_BYTES = 44
const TIME_LIMIT_MS = 20_000

/** What is not installed here; `undefined` when the engine can run. */
export function missingSpeechProgram(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const program = PROGRAMS.find((name) => !folders.some((folder) => existsSync(join(folder, name))))
  if (program !== undefined) return `${program} is not installed`
  return existsSync(ACOUSTIC_MODEL) ? undefined : 'pocketsphinx-en-us is not installed'
}

/** Starts the engine. Disposing it stops it and removes its files. */
export async function speechEngine(): Promise<SpeechEngine> {
  const folder = tempFolder()
  const socketPath = join(folder.path, 'engine.sock')
  writeFileSync(join(folder.path, 'digits.gram'), GRAMMAR)
  const server = createServer((request, response) => {
    respond(request, response, folder.path).catch((error: unknown) =>
      response.writeHead(500, JSON_TYPE).end(JSON.stringify({ error: { message: String(error) } })),
    )
  })
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  return {
    baseUrl: `http+unix://${encodeURIComponent(socketPath)}/v1`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      folder[Symbol.dispose]()
    },
  }
}

const JSON_TYPE = { 'content-type': 'application/json' }

async function respond(request: IncomingMessage, response: ServerResponse, folder: string): Promise<void> {
  const body = await buffer(request)
  const file = join(folder, `${crypto.randomUUID()}.wav`)
  if (request.url === '/v1/audio/speech')
    response.writeHead(200, { 'content-type': 'audio/wav' }).end(await speak(body, file))
  else if (request.url === '/v1/audio/transcriptions')
    response.writeHead(200, JSON_TYPE).end(JSON.stringify(await listen(request, body, { folder, file })))
  else response.writeHead(404, JSON_TYPE).end('{"error":{"message":"no such route"}}')
}

async function speak(body: Buffer, file: string): Promise<Buffer> {
  const { input } = JSON.parse(body.toString()) as { input: string }
  await run('flite', ['-voice', 'kal16', '-t', input, '-o', file], { timeout: TIME_LIMIT_MS })
  return await readFile(file)
}

async function listen(
  { headers }: IncomingMessage,
  body: Buffer,
  { folder, file }: { readonly folder: string; readonly file: string },
): Promise<{ text: string; duration: number }> {
  const type = headers['content-type'] ?? ''
  const form = await new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData()
  const sound = Buffer.from(await (form.get('file') as File).arrayBuffer())
  await writeFile(file, sound)
  const grammar = join(folder, 'digits.gram')
  const arguments_ = ['-infile', file, '-jsgf', grammar, '-logfn', '/dev/null']
  const { stdout } = await run('pocketsphinx_continuous', arguments_, { timeout: TIME_LIMIT_MS })
  return { text: stdout.trim(), duration: (sound.byteLength - HEADER_BYTES) / BYTES_PER_SECOND }
}
