import {
  close,
  closeSync,
  constants,
  fstat,
  fstatSync,
  open,
  openSync,
  readlinkSync,
  write,
  writeSync,
  type Stats,
} from 'node:fs'

/** Called once for each write, with the number of bytes that were written before the error. */
export type WriteCallback = (error: NodeJS.ErrnoException | undefined, written: number) => void

/** Where an output of this process goes. One write at a time. */
export interface OutputTarget {
  /** Never blocks and never throws. */
  write(bytes: Buffer, done: WriteCallback): void
  /** A synchronous attempt while the process exits. */
  writeLast(bytes: Buffer): void
  /** The path of a regular file. */
  readonly file: string | undefined
  close(): void
}

const NON_BLOCKING = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY

/** The way to write to `fd` that does not block: it depends on what is behind it. */
export function openTarget(fd: number): OutputTarget {
  const stats = statsOf(fd)
  if (stats?.isFile() === true) return fileTarget(fd, { file: pathOf(fd), isOwn: false })
  if (stats?.isFIFO() === true || stats?.isCharacterDevice() === true) {
    const own = openAgain(fd)
    if (own !== undefined) return nonBlockingTarget(own)
    // Without a way to open a terminal again, a thread of Node's pool waits for it.
    if (stats.isCharacterDevice()) return fileTarget(fd, { file: undefined, isOwn: false })
  }
  return streamTarget(fd === 1 ? process.stdout : process.stderr)
}

const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK

/** Opens `file` for appending and passes a target for it to `onDone`, or `undefined` when it can't be opened. */
export function reopenFile(file: string, onDone: (target: OutputTarget | undefined) => void): void {
  open(file, APPEND, 0o640, (error, fd) => {
    if (error !== null) return onDone(undefined)
    fstat(fd, (failure, stats) => {
      // A log file is never replaced by a pipe or a device.
      const isFile = failure === null && stats.isFile()
      if (!isFile) close(fd, () => undefined)
      onDone(isFile ? fileTarget(fd, { file, isOwn: true }) : undefined)
    })
  })
}

function statsOf(fd: number): Stats | undefined {
  try {
    return fstatSync(fd)
  } catch {
    return undefined
  }
}

/** Linux only. */
function pathOf(fd: number): string | undefined {
  try {
    const path = readlinkSync(`/proc/self/fd/${fd}`)
    return path.endsWith(' (deleted)') ? undefined : path
  } catch {
    return undefined
  }
}

/**
 * A description of its own, so that O_NONBLOCK does not change what other processes share. Linux only, and not for a pipe of
 * another user.
 */
function openAgain(fd: number): number | undefined {
  try {
    return openSync(`/proc/self/fd/${fd}`, NON_BLOCKING)
  } catch {
    return undefined
  }
}

/** A pipe, a terminal or a device: the system call returns at once. */
function nonBlockingTarget(fd: number): OutputTarget {
  return {
    write(bytes, done) {
      let written: number
      try {
        written = writeSync(fd, bytes)
      } catch (error) {
        return done(error as NodeJS.ErrnoException, 0)
      }
      done(undefined, written)
    },
    writeLast: (bytes) => tryWrite(fd, bytes),
    file: undefined,
    close: () => closeSync(fd),
  }
}

/** A file: its disk may be slow or hang, so a thread of Node's pool writes. */
function fileTarget(
  fd: number,
  { file, isOwn }: { readonly file: string | undefined; readonly isOwn: boolean },
): OutputTarget {
  let isWriting = false
  let isClosed = false
  const closeIfIdle = (): void => {
    if (isOwn && isClosed && !isWriting) close(fd, () => undefined)
  }
  return {
    write(bytes, done) {
      isWriting = true
      write(fd, bytes, 0, bytes.length, null, (error, written) => {
        isWriting = false
        closeIfIdle()
        done(error ?? undefined, error === null ? written : 0)
      })
    },
    writeLast: (bytes) => tryWrite(fd, bytes),
    file,
    close() {
      isClosed = true
      closeIfIdle()
    },
  }
}

/** A socket: Node's own stream writes what the system takes and keeps the rest. */
function streamTarget(stream: NodeJS.WriteStream): OutputTarget {
  return {
    write: (bytes, done) =>
      void stream.write(bytes, (error) => done(error ?? undefined, error ? 0 : bytes.length)),
    writeLast: () => undefined,
    file: undefined,
    close: () => undefined,
  }
}

function tryWrite(fd: number, bytes: Buffer): void {
  try {
    writeSync(fd, bytes)
  } catch {
    // The process exits, and there is no other place to report to.
  }
}
