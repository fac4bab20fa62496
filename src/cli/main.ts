import { readFile } from 'node:fs/promises'

import { runCli } from './program.ts'

interface PackageJson {
  readonly version: string
}

const packageJson = JSON.parse(
  await readFile(new URL('../../package.json', import.meta.url), 'utf8'),
) as PackageJson

// Whoever reads us may have seen enough (`| head`); that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1)
})

process.exitCode = await runCli(process.argv.slice(2), {
  terminal: { input: process.stdin, output: process.stdout, errors: process.stderr },
  environment: process.env,
  version: packageJson.version,
  now: Date.now,
})
