import { once } from 'node:events'
import { BrokerError } from '../../base/errors.ts'
import { startThread } from '../../base/host/start-thread.ts'
import type { ModelsFile } from './models-file.ts'
import type { ParseJob, ParseOutcome } from './parse-thread.ts'
import { keepParsed, readParsed } from './parsed-file-cache.ts'
import { readModelsText } from './read-models-text.ts'

/** A file at the size limit takes two seconds. */
const MAX_PARSE_MS = 30_000
const MAX_HEAP_MB = 512

/** The shipped file is parsed in place in 0.1 s, a file of this size in 0.3 s; a thread takes longer to begin. */
const MAX_CHARACTERS_IN_PLACE = 256 * 1024

/**
 * Reads and parses the file at the start: a large one within the bounds of a reload. Entries with problems are left out and named
 * in `leftOut`; throws `bad-request` where nothing is left.
 */
export async function readFirstModelsFile(path: string): Promise<ModelsFile> {
  const text = readModelsText(path)
  const kept = readParsed(path, text)
  if (kept !== undefined) return kept
  const job = { path, text, leavesOut: true }
  const file = await (text.length <= MAX_CHARACTERS_IN_PLACE ? parseHere : parseInThread)(job)
  if (file.leftOut === undefined) keepParsed(path, text, file)
  return file
}

/** The parser is loaded only where no kept file spares it. */
async function parseHere({ path, text }: ParseJob): Promise<ModelsFile> {
  const { parseUsableModelsFile } = await import('./models-file.ts')
  return parseUsableModelsFile(text, path)
}

/** Reads and parses the file while requests go on. Throws `bad-request` that lists the problems of the file. */
export async function readModelsFileInThread(path: string): Promise<ModelsFile> {
  return parseInThread({ path, text: readModelsText(path) })
}

/** `parseModelsFile` in a thread of its own, with a bound for its time and memory. */
export async function parseInThread(job: ParseJob): Promise<ModelsFile> {
  const outcome = await runThread(job)
  if ('file' in outcome) return outcome.file
  const { code, message, details } = outcome.error
  throw new BrokerError(code, message, { details })
}

async function runThread(job: ParseJob): Promise<ParseOutcome> {
  const thread = startThread('./parse-thread', import.meta.url, {
    workerData: job,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    stdout: true,
    stderr: true,
  })
  thread.unref()
  // A second error, after the one that is reported, must not end the process.
  thread.on('error', () => undefined)
  try {
    const [outcome] = (await once(thread, 'message', { signal: AbortSignal.timeout(MAX_PARSE_MS) })) as [
      ParseOutcome,
    ]
    return outcome
  } catch (cause) {
    throw new BrokerError('bad-request', `${job.path} takes more time or memory than it may`, { cause })
  } finally {
    void thread.terminate()
  }
}
