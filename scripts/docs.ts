// Generates the reference pages from the contracts that they describe: `npm run docs`.
import { writeFile } from 'node:fs/promises'

import { apiPage } from './api-page.ts'
import { cliPage } from './cli-page.ts'
import { conformancePage } from './conformance-page.ts'
import { configurationPage } from './configuration-page.ts'
import { providersPage } from './providers-page.ts'
import { rpcPage } from './rpc-page.ts'

const docs = new URL('../docs/', import.meta.url)

await writeFile(new URL('api.md', docs), apiPage())
await writeFile(new URL('rpc.md', docs), rpcPage())
await writeFile(new URL('cli.md', docs), cliPage())
await writeFile(new URL('configuration.md', docs), configurationPage())
await writeFile(new URL('providers.md', docs), providersPage())
await writeFile(new URL('conformance.md', docs), conformancePage())
