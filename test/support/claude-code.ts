import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'

/** The program of `@anthropic-ai/claude-code`: at `CLAUDE_CODE_PATH`, or `claude` on the path. */
const PROGRAM = process.env['CLAUDE_CODE_PATH'] ?? 'claude'

/** Whether Claude Code is installed; it is too large for a development dependency. */
export function hasClaudeCode(): boolean {
  return spawnSync(PROGRAM, ['--version'], { stdio: 'ignore' }).status === 0
}

export interface ClaudeCodeRun {
  /** Of the broker's `rest` API. */
  readonly socketPath: string
  /** Its home, and the folder that it works in. */
  readonly folder: string
  readonly model: string
  readonly prompt: string
}

/** Runs Claude Code once, without a terminal, and returns what it prints. It may write files and read them. */
export async function runClaudeCode({ socketPath, folder, model, prompt }: ClaudeCodeRun): Promise<string> {
  const args = ['-p', prompt, '--model', model, '--allowedTools', 'Write,Read']
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    CLAUDE_CONFIG_DIR: folder,
    ANTHROPIC_UNIX_SOCKET: socketPath,
    ANTHROPIC_BASE_URL: 'http://localhost',
    ANTHROPIC_API_KEY: 'unused',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
  }
  const running = promisify(execFile)(PROGRAM, args, { cwd: folder, env, timeout: 50_000 })
  running.child.stdin?.end()
  const { stdout } = await running
  return stdout
}
