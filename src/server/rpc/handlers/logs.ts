import type { LogLine, LogBuffer } from '../../../runtime/log-buffer.ts'
import type { Params, Result } from '../../../wire/rpc/methods.ts'
import type { HandlersOf, StreamHandlers } from '../calls/handler-types.ts'

type Logs = Pick<LogBuffer, 'read' | 'wait'>
type Page = Result<'logs.tail'>

const DEFAULT_LIMIT = 100

export function logsHandlers(logs: Logs): HandlersOf<'logs.tail'> {
  return {
    'logs.tail': async (params, _caller, signal) => {
      const { wait_s = 0, ...query } = params
      if (query.after !== undefined && wait_s > 0)
        await logs.wait(queryOf(query, query.after), wait_s * 1000, signal)
      return pageOf(logs, query, query.after)
    },
  }
}

/** A stream that is silent for this long gets a keep-alive, so that no proxy in between closes it. */
const KEEP_ALIVE_MS = 15_000

export function logsStreams(logs: Logs): Pick<StreamHandlers, 'logs.tail'> {
  return {
    'logs.tail': async function* (params, _caller, signal) {
      let page = pageOf(logs, params, params.after)
      yield page
      while (!signal.aborted) {
        const after = page.next
        await logs.wait(queryOf(params, after), KEEP_ALIVE_MS, signal)
        page = pageOf(logs, params, after)
        yield page.lines.length === 0 ? undefined : page
      }
    },
  }
}

function queryOf({ level = 'info', limit = DEFAULT_LIMIT }: Params<'logs.tail'>, after: number | undefined) {
  return { after, level, limit }
}

function pageOf(logs: Logs, params: Params<'logs.tail'>, after: number | undefined): Page {
  const { lines, next, missed } = logs.read(queryOf(params, after))
  return { lines: lines.map(lineRow), next, missed }
}

function lineRow({ number, time, level, message, details }: LogLine): Page['lines'][number] {
  return { number, time: new Date(time).toISOString(), level, message, details }
}
