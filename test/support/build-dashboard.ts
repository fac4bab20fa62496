// Builds the dashboard before the tests, when its sources are newer than what was built last.
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, statSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..')
const BUILT = join(ROOT, 'dist', 'dashboard-app', 'files.json')

export function setup(): void {
  const sources = globSync('dashboard/{*,src/**/*}', { cwd: ROOT }).map(
    (path) => statSync(join(ROOT, path)).mtimeMs,
  )
  if (existsSync(BUILT) && statSync(BUILT).mtimeMs > Math.max(...sources)) return
  execFileSync(process.execPath, [join(ROOT, 'scripts', 'build-dashboard.ts')], {
    stdio: 'ignore',
    env: { ...process.env, NODE_ENV: 'production' },
  })
}
