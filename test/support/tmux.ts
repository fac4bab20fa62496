import { execFile, execFileSync } from 'node:child_process'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A real terminal that a test types into and reads. */
export interface TmuxScreen extends AsyncDisposable {
  /** Types keys by tmux's names: `Enter`, `C-c`, `Up`; anything else letter by letter. */
  readonly type: (...keys: readonly string[]) => Promise<void>
  /** Pastes a text as a terminal does, in bracketed paste mode. */
  readonly paste: (text: string) => Promise<void>
  /** Returns the screen once it shows `text`. Throws with the screen when `text` does not appear within 10 s. */
  readonly see: (text: string | RegExp) => Promise<string>
}

export function hasTmux(): boolean {
  try {
    execFileSync('tmux', ['-V'])
    return true
  } catch {
    return false
  }
}

/** Starts a command in a tmux server of its own at the path `socket`; its exit code shows as `ended with 0`. */
export async function startTmux(socket: string, command: string): Promise<TmuxScreen> {
  const tmux = async (...argv: readonly string[]) =>
    (await run('tmux', ['-S', socket, '-f', '/dev/null', ...argv])).stdout
  await tmux('new-session', '-d', '-x', '90', '-y', '40', `${command}; echo "ended with $?"; exec sleep 60`)
  return {
    async type(...keys) {
      await tmux('send-keys', ...keys)
    },
    async paste(text) {
      await tmux('set-buffer', text)
      await tmux('paste-buffer', '-p')
    },
    async see(text) {
      const shows = (screen: string) => (typeof text === 'string' ? screen.includes(text) : text.test(screen))
      for (const deadline = performance.now() + 10_000; ; await wait(20)) {
        const screen = await tmux('capture-pane', '-p')
        if (shows(screen)) return screen
        if (performance.now() > deadline)
          throw new Error(`“${String(text)}” did not appear; the screen:\n${screen}`)
      }
    },
    async [Symbol.asyncDispose]() {
      await tmux('kill-server')
    },
  }
}
