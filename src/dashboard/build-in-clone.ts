import { spawn } from 'node:child_process'
import { existsSync, globSync, statSync } from 'node:fs'
import { join } from 'node:path'

/**
 * In a clone, builds the app in the background when it is missing or older than its sources. An installed package has it built
 * and has no sources. A failure leaves what was built before, or a page that says how to build.
 */
export function buildInClone(home: string): void {
  const script = join(home, 'scripts', 'build-dashboard.ts')
  const built = join(home, 'dist', 'dashboard-app', 'files.json')
  if (!existsSync(script) || !existsSync(join(home, 'node_modules', 'vite'))) return
  const changed = globSync('dashboard/{*,src/**/*}', { cwd: home }).map(
    (path) => statSync(join(home, path)).mtimeMs,
  )
  if (existsSync(built) && statSync(built).mtimeMs > Math.max(...changed)) return
  const child = spawn(process.execPath, [script], { cwd: home, stdio: 'ignore' })
  child.once('error', () => undefined)
  child.unref()
}
