import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

interface LockFile {
  readonly packages: Readonly<
    Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>
  >
}

test('the lock file names the packages of every platform, so that npm ci works on each', () => {
  const path = join(import.meta.dirname, '..', '..', 'package-lock.json')
  const { packages } = JSON.parse(readFileSync(path, 'utf8')) as LockFile
  const missing = Object.entries(packages).flatMap(([owner, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !(`node_modules/${name}` in packages) && !(`${owner}/node_modules/${name}` in packages),
    ),
  )
  expect(missing).toEqual([])
})
