/** A child process that handles one call at a time. The upstream and the load generator each run in one. */
import { fork } from 'node:child_process'

export interface Worker<Input, Output> extends AsyncDisposable {
  call(input: Input, timeoutMs?: number): Promise<Output>
}

type CallHandler<Input, Output> = (input: Input) => Promise<Output>
type Reply<Output> = { readonly output: Output } | { readonly failure: string }

const TIMEOUT_MS = 15_000

export function startWorker<Input, Output>(file: string): Worker<Input, Output> {
  const child = fork(file, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const exited = new Promise<void>((resolve) => void child.once('exit', () => resolve()))
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  return {
    call: (input, timeoutMs = TIMEOUT_MS) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(() => finish({ failure: `no reply within ${timeoutMs} ms` }), timeoutMs)
        const died = (code: number | null, signal: string | null) =>
          finish({ failure: `the process died: ${code ?? signal}` })
        const finish = (reply: unknown) => {
          clearTimeout(late)
          child.off('message', finish).off('exit', died)
          const outcome = reply as Reply<Output>
          if ('failure' in outcome) reject(new Error(outcome.failure))
          else resolve(outcome.output)
        }
        child.on('message', finish).on('exit', died)
        child.send(input as object)
      }),
    async [Symbol.asyncDispose]() {
      kill()
      await exited
      process.off('exit', kill)
    },
  }
}

/** The child's side: handles calls until the parent process disconnects. */
export function serveCalls<Input, Output>(handle: CallHandler<Input, Output>): void {
  process.on('message', (input) => {
    handle(input as Input).then(
      (output) => process.send?.({ output } satisfies Reply<Output>),
      (failure: unknown) => process.send?.({ failure: String(failure) } satisfies Reply<Output>),
    )
  })
  process.once('disconnect', () => process.exit(0))
}
