import { readFile } from 'node:fs/promises'

import { runCli } from './program.ts'
import { handleOutputErrors } from './terminal/output-errors.ts'

interface PackageJson {
  readonly version: string
}

const packageJson = JSON.parse(
  await readFile(new URL('../../package.json', import.meta.url), 'utf8'),
) as PackageJson

handleOutputErrors(process)

process.exitCode = await runCli(process.argv.slice(2), {
  terminal: { input: process.stdin, output: process.stdout, errors: process.stderr },
  environment: process.env,
  version: packageJson.version,
  now: Date.now,
})
