/** The thread that parses a models file, so that requests never wait for it. */
import { parentPort, workerData } from 'node:worker_threads'
import { asBrokerError, type ErrorCode, type ErrorDetails } from '../../base/errors.ts'
import { parseModelsFile, parseUsableModelsFile, type ModelsFile } from './models-file.ts'

export interface ParseJob {
  readonly text: string
  readonly path: string
  /** Whether entries with problems are left out. */
  readonly leavesOut?: boolean
}

/** Errors travel as data: a structured clone would turn a `BrokerError` into a plain `Error`. */
export type ParseOutcome =
  | { readonly file: ModelsFile }
  | { readonly error: { readonly code: ErrorCode; readonly message: string; readonly details: ErrorDetails } }

function outcomeOf({ text, path, leavesOut = false }: ParseJob): ParseOutcome {
  try {
    return { file: (leavesOut ? parseUsableModelsFile : parseModelsFile)(text, path) }
  } catch (thrown) {
    const { code, message, details } = asBrokerError(thrown)
    return { error: { code, message, details } }
  }
}

// The parser creates an error object for each problem; their stacks took four fifths of the time and memory.
Error.stackTraceLimit = 0
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
parentPort?.postMessage(outcomeOf(workerData as ParseJob))
