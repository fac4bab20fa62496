import { type JSONRPCMessage, parseJSONRPCMessage, serializeMessage } from '@modelcontextprotocol/client'
import type { Clock } from '../../base/clock.ts'
import { type MessageRateLimit, createMessageRateLimit } from './rate-limits.ts'
import { createLineReader } from './line-reader.ts'
import { type ProcessTree, type Program, startProcessTree } from './process-tree.ts'
import { FLOODS, MAX_MESSAGE_BYTES, type ServerTransport, TOO_LONG } from './server-transport.ts'

/** The maximum number of bytes queued for a server that does not read its input. */
const MAX_QUEUE_BYTES = 32 * 1024 * 1024
const STDERR_BYTES_PER_SECOND = 256 * 1024

/**
 * The transport to a server program, one JSON-RPC message per line; closing it ends the whole process tree (the SDK's own
 * transport ends the direct child only). Lines that are not messages are ignored, too many of them or of unsolicited
 * messages end the server, and standard error is read at a limited rate.
 */
export function createStdioTransport(
  program: Program,
  options: { readonly clock: Clock; readonly onGarbage: (line: string) => void },
): ServerTransport {
  return new StdioTransport(program, options)
}

class StdioTransport implements ServerTransport {
  onclose?: () => void
  onerror?: (error: Error) => void
  onmessage?: (message: JSONRPCMessage) => void
  readonly #program: Program
  readonly #clock: Clock
  readonly #onGarbage: (line: string) => void
  readonly #isWithinLimit: MessageRateLimit
  readonly #reader = createLineReader(MAX_MESSAGE_BYTES, (line) => this.#onLine(line))
  #tree: ProcessTree | undefined
  #isClosed = false
  #cutOffReason: string | undefined

  constructor(
    program: Program,
    { clock, onGarbage }: { readonly clock: Clock; readonly onGarbage: (line: string) => void },
  ) {
    this.#program = program
    this.#clock = clock
    this.#onGarbage = onGarbage
    this.#isWithinLimit = createMessageRateLimit(clock)
  }

  get cutOffReason(): string | undefined {
    return this.#cutOffReason
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#tree = startProcessTree(this.#program, this.#clock)
      this.#tree.child.once('error', reject)
      this.#tree.child.once('spawn', resolve)
      this.#listen(this.#tree)
    })
  }

  send(message: JSONRPCMessage): Promise<void> {
    return new Promise((resolve, reject) => {
      const stdin = this.#tree?.child.stdin
      if (stdin === undefined || this.#isClosed) return reject(new Error('the server is not running'))
      if (stdin.writableLength > MAX_QUEUE_BYTES)
        return reject(new Error('the server does not read its input'))
      stdin.write(serializeMessage(message), (error) => (error ? reject(error) : resolve()))
    })
  }

  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true
      this.onclose?.()
    }
    await this.#tree?.end()
  }

  #listen({ child }: ProcessTree): void {
    child.stdout?.on('data', (chunk: Buffer) => {
      try {
        this.#reader.push(chunk)
      } catch (error) {
        this.#cutOff(error instanceof RangeError ? TOO_LONG : 'it sent what could not be understood')
      }
    })
    discardSlowly(child.stderr, this.#clock)
    child.stdin.on('error', (error) => this.onerror?.(error))
    // `exit`, not `close`: a grandchild that holds the pipes open must not make a dead server look alive.
    child.once('exit', () => void this.close())
  }

  #onLine(line: string): void {
    if (line === '' || this.#isClosed) return
    const message = parseMessage(line)
    if (message === undefined) this.#onGarbage(line)
    if ((message === undefined || 'method' in message) && !this.#isWithinLimit(line.length))
      return this.#cutOff(FLOODS)
    if (message !== undefined) this.onmessage?.(message)
  }

  #cutOff(problem: string): void {
    this.#cutOffReason ??= problem
    void this.close()
  }
}

function parseMessage(line: string): JSONRPCMessage | undefined {
  try {
    return parseJSONRPCMessage(JSON.parse(line))
  } catch {
    return undefined
  }
}

/** Discards standard error, at most `STDERR_BYTES_PER_SECOND` of it: a program that writes more blocks on the full pipe. */
function discardSlowly(stream: NodeJS.ReadableStream | null, clock: Clock): void {
  let left = STDERR_BYTES_PER_SECOND
  stream?.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left > 0) return
    stream.pause()
    clock.after(1000, () => {
      left = STDERR_BYTES_PER_SECOND
      stream.resume()
    })
  })
}
