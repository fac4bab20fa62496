import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { apiPage } from '../../scripts/api-page.ts'
import { cliPage } from '../../scripts/cli-page.ts'
import { configurationPage } from '../../scripts/configuration-page.ts'
import { conformancePage } from '../../scripts/conformance-page.ts'
import { providersPage } from '../../scripts/providers-page.ts'
import { rpcPage } from '../../scripts/rpc-page.ts'

test.each([
  ['docs/api.md', apiPage],
  ['docs/rpc.md', rpcPage],
  ['docs/cli.md', cliPage],
  ['docs/configuration.md', configurationPage],
  ['docs/conformance.md', conformancePage],
  ['docs/providers.md', providersPage],
])('%s is up to date with the code (npm run docs writes it)', async (path, page) => {
  expect(await readFile(join(import.meta.dirname, '..', '..', path), 'utf8')).toBe(page())
})
