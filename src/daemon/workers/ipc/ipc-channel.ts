import type { Duplex } from 'node:stream'
import { deserialize, serialize } from 'node:v8'

/** File descriptor of the worker's end: the last of the streams that it is started with. */
export const IPC_FD = 4

/** A private socket pair between the primary and one worker. Messages sent in one turn of the event loop travel in one batch. */
export interface IpcChannel<Out> {
  readonly send: (message: Out) => void
  /** For messages that the other side does not wait for: sent with the next message, or after a few milliseconds. */
  readonly sendDeferred: (message: Out) => void
  /** Resolves when every message has been handed to the operating system. */
  flush(): Promise<void>
}

export interface IpcReceiver<In> {
  readonly onMessage: (message: In) => void
  /** The other side has closed; every message it sent was received. */
  readonly onClose: () => void
}

const DEFER_MS = 5

/** Each batch is preceded by its length in four bytes. */
const LENGTH_BYTES = 4

/**
 * Uses V8's serialization, which keeps `bigint` (money) and maps. Measured: 3 µs to write or read a message alone,
 * under 1 µs each in a batch of eight, where JSON with money as text takes 1 µs either way.
 */
export function openIpcChannel<In, Out>(
  socket: Duplex,
  { onMessage, onClose }: IpcReceiver<In>,
): IpcChannel<Out> {
  let batch: Out[] = []
  let isScheduled = false
  let deferred: NodeJS.Timeout | undefined
  const read = batchReader((bytes) => {
    // Safe to deserialize: only the other end of this private pair writes to it.
    for (const message of deserialize(bytes) as In[]) onMessage(message)
  })
  socket.on('data', read)
  // A side that died while writing is reported by `close`.
  socket.on('error', () => undefined)
  socket.once('close', onClose)

  function write(done?: () => void): void {
    isScheduled = false
    clearTimeout(deferred)
    deferred = undefined
    const messages = batch
    batch = []
    if (messages.length === 0 || socket.destroyed) return done?.()
    socket.write(framed(serialize(messages)), () => done?.())
  }

  return {
    send(message) {
      batch.push(message)
      if (isScheduled) return
      isScheduled = true
      setImmediate(write)
    },
    sendDeferred(message) {
      batch.push(message)
      if (!isScheduled) deferred ??= setTimeout(write, DEFER_MS)
    },
    flush: () => new Promise((resolve) => write(resolve)),
  }
}

/** Length and bytes in one buffer, for one system call. */
export function framed(bytes: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + bytes.length)
  frame.writeUInt32BE(bytes.length)
  bytes.copy(frame, LENGTH_BYTES)
  return frame
}

/** Splits the received bytes into batches. */
export function batchReader(onBatch: (bytes: Buffer) => void): (data: Buffer) => void {
  let rest: Buffer[] = []
  let length = 0
  return (data) => {
    rest.push(data)
    length += data.length
    if (length < LENGTH_BYTES || length < neededBytes(rest)) return
    let all = rest.length === 1 ? data : Buffer.concat(rest)
    for (;;) {
      const end = all.length < LENGTH_BYTES ? Infinity : LENGTH_BYTES + all.readUInt32BE()
      if (all.length < end) break
      onBatch(all.subarray(LENGTH_BYTES, end))
      all = all.subarray(end)
    }
    rest = all.length === 0 ? [] : [all]
    length = all.length
  }
}

/** Length of the first batch, so that a long batch in many pieces is concatenated only once. */
function neededBytes([first]: readonly Buffer[]): number {
  return first === undefined || first.length < LENGTH_BYTES ? 0 : LENGTH_BYTES + first.readUInt32BE()
}
