import { readFileSync } from 'node:fs'

interface Package {
  readonly version: string
}

/** Version of the package. The relative path of `package.json` is the same from `src` and from `dist`. */
export const VERSION: string = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as Package
).version
