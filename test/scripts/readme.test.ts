import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..')

test('the TypeScript blocks of README.md compile under --strict', () => {
  const blocks = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/```ts\n([^]*?)```/g)].map(
    ([, code]) => code,
  )
  expect(blocks.length).toBeGreaterThan(0)
  // Inside the package, so that its imports are found.
  const paths = blocks.map((code = '', index) => {
    const path = join(root, 'examples', `.readme-${process.pid}-${index}.ts`)
    writeFileSync(path, code)
    return path
  })
  try {
    const options = [
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--module',
      'nodenext',
      '--types',
      'node',
    ]
    execFileSync(
      process.execPath,
      [join(root, 'node_modules/typescript/bin/tsc'), ...options, '--target', 'es2024', ...paths],
      {
        encoding: 'utf8',
      },
    )
  } catch (error) {
    expect((error as { stdout?: string }).stdout).toBe('')
  } finally {
    for (const path of paths) rmSync(path)
  }
}, 120_000)
