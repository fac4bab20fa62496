import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readFirstModelsFile } from '../../../src/catalog/models-file/parse-in-thread.ts'
import { tempFolder } from '../../support/temp-folder.ts'

test('a large file at the start is parsed beside the event loop, with the same errors', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'models.yml')
  writeFileSync(path, 'x: y: z\n'.repeat(100_000))
  let turns = 0
  let isParsed = false
  const parsed = readFirstModelsFile(path).finally(() => (isParsed = true))
  const countTurns = (): void => {
    turns++
    if (!isParsed) setImmediate(countTurns)
  }
  countTurns()
  await expect(parsed).rejects.toThrow(/models\.yml has \d+ problems\n.*models\.yml:1:4: is not YAML/)
  expect(turns).toBeGreaterThan(10)
}, 60_000)

test('a small file at the start needs no thread', async () => {
  using folder = tempFolder()
  const path = join(folder.path, 'models.yml')
  writeFileSync(path, 'models: {m: {backends: [{provider: openai, model_id: m}]}}\n')
  const { catalog } = await readFirstModelsFile(path)
  expect([...catalog.models.keys()]).toEqual(['m'])
})
