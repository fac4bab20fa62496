import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, readFileSync, readSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { OutputWriter } from '../../../src/runtime/output/output-writer.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { tempFolder } from '../../support/temp-folder.ts'

/** A named pipe whose reader reads only when the test does. */
function openPipe(path: string) {
  execFileSync('mkfifo', [path])
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  return {
    fd,
    fill(): number {
      const junk = Buffer.alloc(4096, 'x')
      let length = 0
      for (;;) {
        try {
          length += writeSync(fd, junk)
        } catch {
          return length
        }
      }
    },
    read(length: number): string {
      const bytes = Buffer.alloc(length)
      let read = 0
      try {
        while (read < length) read += readSync(fd, bytes, read, length - read, null)
      } catch {
        // Empty for now.
      }
      return bytes.toString('utf8', 0, read)
    },
    [Symbol.dispose]: () => closeSync(fd),
  }
}

test('a full pipe delays lines, loses those beyond the buffer, and the lost ones are counted', () => {
  using folder = tempFolder()
  using pipe = openPipe(join(folder.path, 'pipe'))
  const clock = manualClock()
  const reports: number[] = []
  const writer = new OutputWriter({ fd: pipe.fd, clock, onRecovered: (lost) => reports.push(lost) })
  const junk = pipe.fill()
  const line = `${'y'.repeat(1023)}\n`
  for (let nth = 0; nth < 1500; nth++) writer.write(line)
  expect(writer.problem()).toEqual({ code: 'EAGAIN', lost: 1500 - 1024 })
  expect(reports).toEqual([])
  expect(pipe.read(junk)).toBe('x'.repeat(junk))
  let received = ''
  for (let nth = 0; nth < 100 && reports.length === 0; nth++) {
    clock.advance(100)
    received += pipe.read(1024 * 1024)
  }
  received += pipe.read(1024 * 1024)
  expect(received).toBe(line.repeat(1024))
  expect(reports).toEqual([1500 - 1024])
  expect(writer.problem()).toBeUndefined()
  writer.write('later\n')
  expect(pipe.read(100)).toBe('later\n')
})

test('a full device neither throws nor blocks', async () => {
  const fd = openSync('/dev/full', 'w')
  const writer = new OutputWriter({ fd, clock: systemClock })
  writer.write('lost\n')
  expect(writer.problem()).toEqual({ code: 'ENOSPC', lost: 0 })
  await writer.flush(1)
  closeSync(fd)
})

test('text in several bytes per letter is written in full across partial writes', () => {
  using folder = tempFolder()
  using pipe = openPipe(join(folder.path, 'pipe'))
  const clock = manualClock()
  const writer = new OutputWriter({ fd: pipe.fd, clock })
  const text = 'ä€🙂'.repeat(20_000)
  writer.write(text)
  let received = ''
  const bytes: string[] = []
  while (Buffer.byteLength(received) < Buffer.byteLength(text)) {
    bytes.push(pipe.read(9000))
    received = bytes.join('')
    clock.advance(100)
    if (bytes.at(-1) === '') break
  }
  expect(received).toBe(text)
})

test('a log file that was renamed is opened again by its path', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'broker.log')
  const fd = openSync(path, 'a')
  const writer = new OutputWriter({ fd, clock: systemClock })
  writer.write('before\n')
  await writer.flush(1000)
  renameSync(path, `${path}.1`)
  await writer.reopen()
  writer.write('after\n')
  await writer.flush(1000)
  expect(readFileSync(path, 'utf8')).toBe('after\n')
  expect(readFileSync(`${path}.1`, 'utf8')).toBe('before\n')
  closeSync(fd)
})
