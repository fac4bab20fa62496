/** A child process that handles one call at a time. The upstream and the load generator each run in one. */
import { fork } from 'node:child_process'

export interface Worker<Question, Answer> extends AsyncDisposable {
  ask(question: Question, timeoutMs?: number): Promise<Answer>
}

type Answerer<Question, Answer> = (question: Question) => Promise<Answer>
type Reply<Answer> = { readonly answer: Answer } | { readonly failure: string }

const TIMEOUT_MS = 15_000

export function startWorker<Question, Answer>(file: string): Worker<Question, Answer> {
  const child = fork(file, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const exited = new Promise<void>((resolve) => void child.once('exit', () => resolve()))
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  return {
    ask: (question, timeoutMs = TIMEOUT_MS) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(() => finish({ failure: `no reply within ${timeoutMs} ms` }), timeoutMs)
        const died = (code: number | null, signal: string | null) =>
          finish({ failure: `the process died: ${code ?? signal}` })
        const finish = (reply: unknown) => {
          clearTimeout(late)
          child.off('message', finish).off('exit', died)
          const outcome = reply as Reply<Answer>
          if ('failure' in outcome) reject(new Error(outcome.failure))
          else resolve(outcome.answer)
        }
        child.on('message', finish).on('exit', died)
        child.send(question as object)
      }),
    async [Symbol.asyncDispose]() {
      kill()
      await exited
      process.off('exit', kill)
    },
  }
}

/** The child's side: handles calls until the parent process disconnects. */
export function serveQuestions<Question, Answer>(handle: Answerer<Question, Answer>): void {
  process.on('message', (question) => {
    handle(question as Question).then(
      (answer) => process.send?.({ answer } satisfies Reply<Answer>),
      (failure: unknown) => process.send?.({ failure: String(failure) } satisfies Reply<Answer>),
    )
  })
  process.once('disconnect', () => process.exit(0))
}
