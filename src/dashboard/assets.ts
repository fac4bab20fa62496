import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A file of the built app as it is sent. */
export interface Asset {
  readonly body: Buffer
  readonly type: string
  readonly encoding: string | undefined
}

/** The built app. */
export interface Assets {
  /** `index.html`; `undefined` when the app is not built. */
  index(): string | undefined
  /** A file of the folder `assets`, in a form that the browser accepts. */
  find(name: string, acceptEncoding: string): Asset | undefined
}

const TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  woff2: 'font/woff2',
}

const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]*\.(js|css|svg|woff2)$/
const ENCODINGS = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const

/** Reads the app from a folder that `scripts/build-dashboard.ts` has written. Files are read when they are asked for. */
export function openAssets(folder: string): Assets {
  return {
    index() {
      const path = join(folder, 'index.html')
      return existsSync(path) ? readFileSync(path, 'utf8') : undefined
    },
    find(name, acceptEncoding) {
      const extension = NAME.exec(name)?.[1]
      if (extension === undefined) return undefined
      const type = TYPES[extension] ?? 'application/octet-stream'
      const path = join(folder, 'assets', name)
      for (const [encoding, end] of ENCODINGS)
        if (acceptEncoding.includes(encoding) && existsSync(path + end))
          return { body: readFileSync(path + end), type, encoding }
      return existsSync(path) ? { body: readFileSync(path), type, encoding: undefined } : undefined
    },
  }
}

/** The page with its files under the prefix, and with the theme that its cookie names, so that no script has to set it. */
export function pageOf(index: string, prefix: string, theme: string | undefined): string {
  const known = theme === 'light' || theme === 'dark' ? theme : 'system'
  return index
    .replaceAll('./assets/', `${prefix}/assets/`)
    .replace('<html ', `<html data-prefix="${prefix}" data-theme="${known}" `)
}
