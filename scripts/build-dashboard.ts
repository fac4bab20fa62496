// Builds the dashboard into `dist/dashboard-app`, compressed, and keeps the files of the build before: pages that are open in a browser
// still ask for them.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { build } from 'vite'

const root = join(import.meta.dirname, '..', 'dashboard')
const folder = join(import.meta.dirname, '..', 'dist', 'dashboard-app')
const listPath = join(folder, 'files.json')

// With another value React would be built with its checks for development, which are twice as large.
process.env['NODE_ENV'] = 'production'
const before = filesOfLastBuild()
await build({ root, logLevel: 'error' })
const manifest = JSON.parse(readFileSync(join(folder, '.vite', 'manifest.json'), 'utf8')) as Record<
  string,
  { file: string; css?: string[] }
>
const files = [...new Set(Object.values(manifest).flatMap(({ file, css = [] }) => [file, ...css]))]
for (const file of files) compress(join(folder, file))
removeOthers(new Set([...files, ...before]))
writeFileSync(listPath, JSON.stringify(files))

function filesOfLastBuild(): string[] {
  return existsSync(listPath) ? (JSON.parse(readFileSync(listPath, 'utf8')) as string[]) : []
}

function compress(path: string): void {
  const bytes = readFileSync(path)
  writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }))
  writeFileSync(`${path}.br`, brotliCompressSync(bytes))
}

function removeOthers(kept: ReadonlySet<string>): void {
  for (const name of readdirSync(join(folder, 'assets')))
    if (!kept.has(`assets/${name.replace(/\.(br|gz)$/, '')}`)) rmSync(join(folder, 'assets', name))
}
