import { type JSONRPCMessage, parseJSONRPCMessage, serializeMessage } from '@modelcontextprotocol/client'
import type { Clock } from '../../base/clock.ts'
import { createMessageRateLimit } from './rate-limits.ts'
import { createLineReader } from './line-reader.ts'
import { type ProcessTree, type Program, startProcessTree } from './process-tree.ts'
import { FLOODS, LONGEST_MESSAGE_BYTES, type ServerTransport, TOO_LONG } from './server-transport.ts'

/** What may wait in front of a server that doesn't read. */
const LONGEST_QUEUE_BYTES = 32 * 1024 * 1024
const STDERR_BYTES_PER_SECOND = 256 * 1024
const STDERR_KEPT = 2048

export interface StdioTransport extends ServerTransport {
  readonly pid: number | undefined
  /** The last words on standard error; for the log, never for callers. */
  readonly stderr: string
}

/**
 * One server program: a JSON-RPC message per line, the whole process tree ended on close. Lines that are no message
 * are passed over, a flood of them or of unasked messages ends the server, and standard error is drained no faster
 * than it can be borne. (The SDK's own transport ends the direct child only.)
 */
export function createStdioTransport(
  program: Program,
  { clock, onGarbage }: { clock: Clock; onGarbage: (line: string) => void },
): StdioTransport {
  let tree: ProcessTree | undefined
  let stderr = ''
  let closed = false
  let cutOffFor: string | undefined
  const mayFlow = createMessageRateLimit(clock)

  const cutOff = (problem: string): void => {
    cutOffFor ??= problem
    void transport.close()
  }
  const onLine = (line: string): void => {
    if (line === '' || closed) return
    const message = parseMessage(line)
    if (message === undefined) onGarbage(line)
    if ((message === undefined || 'method' in message) && !mayFlow(line.length)) return cutOff(FLOODS)
    if (message !== undefined) transport.onmessage?.(message)
  }
  const reader = createLineReader(LONGEST_MESSAGE_BYTES, onLine)

  const listen = ({ child }: ProcessTree): void => {
    child.stdout?.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk)
      } catch (error) {
        cutOff(error instanceof RangeError ? TOO_LONG : 'it sent what could not be understood')
      }
    })
    drainSlowly(child.stderr, clock, (text) => (stderr = (stderr + text).slice(-STDERR_KEPT)))
    child.stdin.on('error', (error) => transport.onerror?.(error))
    // `exit`, not `close`: a grandchild that holds the pipes must not keep a dead server looking alive.
    child.once('exit', () => void transport.close())
  }

  const transport: StdioTransport = {
    get pid() {
      return tree?.child.pid
    },
    get stderr() {
      return stderr
    },
    get cutOffFor() {
      return cutOffFor
    },
    start: () =>
      new Promise((resolve, reject) => {
        tree = startProcessTree(program, clock)
        tree.child.once('error', reject)
        tree.child.once('spawn', resolve)
        listen(tree)
      }),
    send: (message) =>
      new Promise((resolve, reject) => {
        const stdin = tree?.child.stdin
        if (stdin === undefined || closed) return reject(new Error('the server is not running'))
        if (stdin.writableLength > LONGEST_QUEUE_BYTES)
          return reject(new Error('the server does not read its input'))
        stdin.write(serializeMessage(message), (error) => (error ? reject(error) : resolve()))
      }),
    async close() {
      if (!closed) {
        closed = true
        transport.onclose?.()
      }
      await tree?.end()
    },
  }
  return transport
}

function parseMessage(line: string): JSONRPCMessage | undefined {
  try {
    return parseJSONRPCMessage(JSON.parse(line))
  } catch {
    return undefined
  }
}

/** Reads no more than a second's share in a second: the pipe fills and the one who floods it waits. */
function drainSlowly(
  stream: NodeJS.ReadableStream | null,
  clock: Clock,
  onText: (text: string) => void,
): void {
  let left = STDERR_BYTES_PER_SECOND
  stream?.on('data', (chunk: Buffer) => {
    onText(chunk.toString('utf8'))
    left -= chunk.length
    if (left > 0) return
    stream.pause()
    clock.after(1000, () => {
      left = STDERR_BYTES_PER_SECOND
      stream.resume()
    })
  })
}
