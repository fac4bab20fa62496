import { readFile } from 'node:fs/promises'

import { runCli } from './program.ts'

interface PackageJson {
  readonly version: string
}

const packageJson = JSON.parse(
  await readFile(new URL('../../package.json', import.meta.url), 'utf8'),
) as PackageJson

// The reader of our output may close the pipe early (`| head`); that is not a failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1)
})

process.exitCode = await runCli(process.argv.slice(2), {
  terminal: { input: process.stdin, output: process.stdout, errors: process.stderr },
  environment: process.env,
  version: packageJson.version,
  now: Date.now,
})
