import type { LogLine, LogRing } from '../../host/log-ring.ts'
import type { Result } from '../../wire/rpc.ts'
import type { HandlersOf } from './handlers.ts'

const USUAL_LIMIT = 100

export function logsHandlers(logs: Pick<LogRing, 'read' | 'wait'>): HandlersOf<'logs.tail'> {
  return {
    'logs.tail': async ({ after, wait_s = 0, level = 'info', limit = USUAL_LIMIT }, _caller, signal) => {
      const query = { after, level, limit }
      if (after !== undefined && wait_s > 0) await logs.wait(query, wait_s * 1000, signal)
      const { lines, next, missed } = logs.read(query)
      return { lines: lines.map(lineRow), next, missed }
    },
  }
}

function lineRow({ number, time, level, message, details }: LogLine): Result<'logs.tail'>['lines'][number] {
  return { number, time: new Date(time).toISOString(), level, message, details }
}
