import type { Duplex } from 'node:stream'
import { deserialize, serialize } from 'node:v8'

/** File descriptor of the worker's end: the last of the streams that it is started with. */
export const LINE_FD = 4

/** A private socket pair between the primary and one worker. Messages sent in one turn of the event loop travel in one batch. */
export interface Line<Out> {
  readonly send: (message: Out) => void
  /** For messages that the other side does not wait for: sent with the next message, or after a few milliseconds. */
  readonly sendSoon: (message: Out) => void
  /** Resolves when every message has been handed to the operating system. */
  flush(): Promise<void>
}

export interface LineEnd<In> {
  readonly onMessage: (message: In) => void
  /** The other side has closed; every message it sent was received. */
  readonly onClose: () => void
}

const SOON_MS = 5

/** Each batch is preceded by its length in four bytes. */
const HEAD_BYTES = 4

/**
 * Uses V8's serialization, which keeps `bigint` (money) and maps. Measured: 3 µs to write or read a message alone,
 * under 1 µs each in a batch of eight, where JSON with money as text takes 1 µs either way.
 */
export function openLine<In, Out>(socket: Duplex, { onMessage, onClose }: LineEnd<In>): Line<Out> {
  let batch: Out[] = []
  let isPlanned = false
  let soon: NodeJS.Timeout | undefined
  const read = batchReader((bytes) => {
    // Safe to deserialize: only the other end of this private pair writes to it.
    for (const message of deserialize(bytes) as In[]) onMessage(message)
  })
  socket.on('data', read)
  // A side that died while writing is reported by `close`.
  socket.on('error', () => undefined)
  socket.once('close', onClose)

  function write(done?: () => void): void {
    isPlanned = false
    clearTimeout(soon)
    soon = undefined
    const messages = batch
    batch = []
    if (messages.length === 0 || socket.destroyed) return done?.()
    socket.write(framed(serialize(messages)), () => done?.())
  }

  return {
    send(message) {
      batch.push(message)
      if (isPlanned) return
      isPlanned = true
      setImmediate(write)
    },
    sendSoon(message) {
      batch.push(message)
      if (!isPlanned) soon ??= setTimeout(write, SOON_MS)
    },
    flush: () => new Promise((resolve) => write(resolve)),
  }
}

/** Length and bytes in one buffer, for one system call. */
export function framed(bytes: Buffer): Buffer {
  const whole = Buffer.allocUnsafe(HEAD_BYTES + bytes.length)
  whole.writeUInt32BE(bytes.length)
  bytes.copy(whole, HEAD_BYTES)
  return whole
}

/** Splits the received bytes into batches. */
export function batchReader(onBatch: (bytes: Buffer) => void): (data: Buffer) => void {
  let rest: Buffer[] = []
  let length = 0
  return (data) => {
    rest.push(data)
    length += data.length
    if (length < HEAD_BYTES || length < neededBytes(rest)) return
    let all = rest.length === 1 ? data : Buffer.concat(rest)
    for (;;) {
      const end = all.length < HEAD_BYTES ? Infinity : HEAD_BYTES + all.readUInt32BE()
      if (all.length < end) break
      onBatch(all.subarray(HEAD_BYTES, end))
      all = all.subarray(end)
    }
    rest = all.length === 0 ? [] : [all]
    length = all.length
  }
}

/** Length of the first batch, so that a long batch in many pieces is concatenated only once. */
function neededBytes([first]: readonly Buffer[]): number {
  return first === undefined || first.length < HEAD_BYTES ? 0 : HEAD_BYTES + first.readUInt32BE()
}
