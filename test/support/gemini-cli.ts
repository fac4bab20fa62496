import { execFile, spawnSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** The program of `@google/gemini-cli`: at `GEMINI_CLI_PATH`, or `gemini` on the path. */
export const GEMINI_CLI = process.env['GEMINI_CLI_PATH'] ?? 'gemini'

/** Whether Gemini CLI is installed; it is too large for a development dependency. */
export function hasGeminiCli(): boolean {
  return spawnSync(GEMINI_CLI, ['--version'], { stdio: 'ignore', timeout: 30_000 }).status === 0
}

export interface GeminiCliRun {
  /** Of the broker's TCP listener. */
  readonly port: number
  /** Its home, and the folder that it works in. */
  readonly folder: string
  readonly model: string
  readonly prompt: string
}

/** Runs Gemini CLI once, without a terminal, and returns what it prints. It may use every tool without being asked. */
export async function runGeminiCli({ port, folder, model, prompt }: GeminiCliRun): Promise<string> {
  // With a base URL and without this choice it ends with “Invalid auth method selected” (0.61.0).
  const settings = { security: { auth: { selectedType: 'gemini-api-key' } } }
  await mkdir(join(folder, '.gemini'), { recursive: true })
  await writeFile(join(folder, '.gemini', 'settings.json'), JSON.stringify(settings))
  const args = ['-p', prompt, '-m', model, '--approval-mode', 'yolo', '--skip-trust']
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    GEMINI_API_KEY: 'unused',
    GOOGLE_GEMINI_BASE_URL: `http://127.0.0.1:${port}`,
    GEMINI_TELEMETRY_ENABLED: 'false',
    GEMINI_CLI_NO_RELAUNCH: 'true',
    GEMINI_SANDBOX: 'false',
  }
  const running = promisify(execFile)(GEMINI_CLI, args, { cwd: folder, env, timeout: 100_000 })
  running.child.stdin?.end()
  const { stdout } = await running
  return stdout
}
