/** The provider of the benchmark: a process of its own with as little work as possible, so that it is never the bottleneck. */
import { createServer, type Socket } from 'node:net'
import { serveCalls } from '../processes/worker.ts'
import type { UpstreamBehaviour, UpstreamCommand, UpstreamStats } from './behaviour.ts'
import { plainResponse, streamChunk, streamEnd, streamHead } from './prebuilt.ts'

interface Stream {
  readonly socket: Socket
  readonly everyMs: number
  remaining: number
  dueMs: number
}

const HEAD_END = Buffer.from('\r\n\r\n')

let behaviour: UpstreamBehaviour = { type: 'plain', bodyBytes: 1_500 }
let response = plainResponse(behaviour.bodyBytes)
const streams = new Map<Socket, Stream>()
const count = { requests: 0, openConnections: 0, abortedStreams: 0, chunks: 0 }

const server = createServer({ noDelay: true }, (socket) => {
  count.openConnections++
  let pending: Buffer | undefined
  socket.on('data', (bytes) => {
    let rest = pending === undefined ? bytes : Buffer.concat([pending, bytes])
    for (let end = requestEnd(rest); end > 0; end = requestEnd(rest)) {
      rest = rest.subarray(end)
      count.requests++
      if (behaviour.type === 'plain') socket.write(response)
      else startStream(socket, behaviour)
    }
    pending = rest.length === 0 ? undefined : rest
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    count.openConnections--
    if (streams.delete(socket)) count.abortedStreams++
  })
})

serveCalls<UpstreamCommand, UpstreamStats>(async (command) => {
  switch (command.type) {
    case 'listen':
      await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', 4_096, resolve))
      break
    case 'stats':
      break
    case 'cut-streams':
      for (const socket of streams.keys()) socket.destroy()
      break
    case 'plain':
      response = plainResponse(command.bodyBytes)
      behaviour = command
      break
    case 'stream':
      behaviour = command
      break
  }
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { port, openStreams: streams.size, ...count }
})

/** Length of the first complete request in `bytes`, 0 while it is incomplete. Bodies have a Content-Length or are chunked. */
function requestEnd(bytes: Buffer): number {
  const headEnd = bytes.indexOf(HEAD_END)
  if (headEnd < 0) return 0
  const bodyStart = headEnd + HEAD_END.length
  const head = bytes.toString('latin1', 0, headEnd)
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length === undefined && /\r\ntransfer-encoding: *chunked/i.test(head)) {
    const last = bytes.indexOf('\r\n0\r\n\r\n', bodyStart)
    return last < 0 ? 0 : last + 7
  }
  const end = bodyStart + Number(length ?? 0)
  return end <= bytes.length ? end : 0
}

function startStream(
  socket: Socket,
  { chunks, everyMs, firstAfterMs }: UpstreamBehaviour & { type: 'stream' },
): void {
  if (everyMs === 0 && firstAfterMs === 0) {
    count.chunks += chunks
    socket.write(Buffer.concat([streamHead, ...Array<Buffer>(chunks).fill(streamChunk), streamEnd]))
    return
  }
  socket.write(streamHead)
  const stream = { socket, everyMs, remaining: chunks, dueMs: performance.now() + firstAfterMs }
  streams.set(socket, stream)
  if (firstAfterMs === 0) sendChunk(stream)
  clock ??= setInterval(tick, 1)
}

/** One timer for all streams. A late tick sends one chunk and never two in one write, so a delay lowers the rate but not the count. */
let clock: NodeJS.Timeout | undefined
function tick(): void {
  const now = performance.now()
  for (const stream of streams.values()) {
    if (stream.dueMs <= now) sendChunk(stream)
  }
  if (streams.size > 0) return
  clearInterval(clock)
  clock = undefined
}

function sendChunk(stream: Stream): void {
  count.chunks++
  stream.remaining--
  stream.dueMs += stream.everyMs
  stream.socket.write(streamChunk)
  if (stream.remaining > 0) return
  streams.delete(stream.socket)
  stream.socket.write(streamEnd)
}
