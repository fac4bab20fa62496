import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readRegularFile } from '../../src/files/read-file.ts'
import { tempFolder } from '../support/temp-folder.ts'

test('a regular file is read without its byte order mark', () => {
  using folder = tempFolder()
  const path = join(folder.path, 'file')
  writeFileSync(path, '\uFEFFmodels: {}\n')
  expect(readRegularFile(path, 100)).toBe('models: {}\n')
})

test('a file at the limit is read, and one byte more is refused with both sizes', () => {
  using folder = tempFolder()
  const path = join(folder.path, 'file')
  writeFileSync(path, 'x'.repeat(4096))
  expect(readRegularFile(path, 4096)).toHaveLength(4096)
  writeFileSync(path, 'x'.repeat(4097))
  expect(() => readRegularFile(path, 4096)).toThrow('it has 5 KiB, at most 4 KiB are read')
})

test('a file whose size is reported as 0 is read up to the limit', () => {
  expect(readRegularFile('/proc/self/status', 100_000)).toContain('Name:')
  expect(() => readRegularFile('/proc/self/status', 10)).toThrow('has more than 1 KiB')
})

test('a FIFO, a folder and a device are refused without waiting', () => {
  using folder = tempFolder()
  const fifo = join(folder.path, 'fifo')
  execFileSync('mkfifo', [fifo])
  expect(() => readRegularFile(fifo, 100)).toThrow('it is a FIFO, should be a regular file')
  mkdirSync(join(folder.path, 'sub'))
  expect(() => readRegularFile(join(folder.path, 'sub'), 100)).toThrow('it is a folder')
  expect(() => readRegularFile('/dev/zero', 100)).toThrow('it is a device')
})
