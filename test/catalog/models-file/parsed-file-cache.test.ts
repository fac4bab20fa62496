import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseModelsFile } from '../../../src/catalog/models-file/models-file.ts'
import { keepParsed, readParsed } from '../../../src/catalog/models-file/parsed-file-cache.ts'
import { tempFolder } from '../../support/temp-folder.ts'

const PATH = join(import.meta.dirname, '../../../modelsconfig.yml')
const TEXT = readFileSync(PATH, 'utf8')

test('the shipped models file that was kept is equal to the parsed one', () => {
  using folder = tempFolder()
  expect(readParsed(PATH, TEXT, folder.path)).toBeUndefined()
  keepParsed(PATH, TEXT, parseModelsFile(TEXT), folder.path)
  expect(readParsed(PATH, TEXT, folder.path)).toStrictEqual({ ...parseModelsFile(TEXT) })
})

test('a models file whose text or path changed is parsed again', () => {
  using folder = tempFolder()
  keepParsed(PATH, TEXT, parseModelsFile(TEXT), folder.path)
  expect(readParsed(PATH, `${TEXT}\n`, folder.path)).toBeUndefined()
  expect(readParsed('/elsewhere/models.yml', TEXT, folder.path)).toBeUndefined()
})

test('a kept models file that is damaged is parsed again', () => {
  using folder = tempFolder()
  keepParsed(PATH, TEXT, parseModelsFile(TEXT), folder.path)
  const kept = join(folder.path, readdirSync(folder.path)[0] ?? '')
  truncateSync(kept, 1000)
  expect(readParsed(PATH, TEXT, folder.path)).toBeUndefined()
  writeFileSync(kept, '')
  expect(readParsed(PATH, TEXT, folder.path)).toBeUndefined()
})

test('a small models file is not kept, and a folder that can’t be written is no error', () => {
  using folder = tempFolder()
  keepParsed(PATH, 'models: {}\n', parseModelsFile('models: {}\n'), folder.path)
  expect(readdirSync(folder.path)).toEqual([])
  expect(() => keepParsed(PATH, TEXT, parseModelsFile(TEXT), join(folder.path, 'none'))).not.toThrow()
})
