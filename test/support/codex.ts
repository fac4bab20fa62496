import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** The program of `@openai/codex`: at `CODEX_PATH`, or `codex` on the path. */
const PROGRAM = process.env['CODEX_PATH'] ?? 'codex'

/** Whether Codex is installed; it is too large for a development dependency. */
export function hasCodex(): boolean {
  return spawnSync(PROGRAM, ['--version'], { stdio: 'ignore' }).status === 0
}

export interface CodexRun {
  /** Of the broker's REST API: `http://127.0.0.1:port/v1`. */
  readonly baseUrl: string
  /** Its home, and the folder that it works in. */
  readonly folder: string
  readonly model: string
  readonly prompt: string
}

/** Runs Codex once, without a terminal, and returns what it prints. It may run any command. */
export async function runCodex({ baseUrl, folder, model, prompt }: CodexRun): Promise<string> {
  const home = join(folder, '.codex')
  mkdirSync(home, { recursive: true })
  writeFileSync(
    join(home, 'config.toml'),
    `model = "${model}"
model_provider = "broker"
[model_providers.broker]
name = "broker"
base_url = "${baseUrl}"
wire_api = "responses"
`,
  )
  const args = ['exec', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox', prompt]
  const env = { PATH: process.env['PATH'], HOME: folder, CODEX_HOME: home }
  const running = promisify(execFile)(PROGRAM, args, { cwd: folder, env, timeout: 50_000 })
  running.child.stdin?.end()
  const { stdout } = await running
  return stdout
}
