import { BrokerError } from '../../base/errors.ts'

/** What a path of Google's API calls. */
export interface CalledMethod {
  /** Without `models/`. */
  readonly model: string
  readonly method: string
  /** The form of a stream: server-sent events with `alt=sse`, one JSON array without it. */
  readonly isEventStream: boolean
}

/**
 * `/v1beta/models/{model}:{method}?alt=sse`. A model's name may hold slashes, also written as `%2F`, and colons: the last colon
 * divides.
 */
export function calledMethod(url: string): CalledMethod {
  const [path = '', query = ''] = url.split('?', 2)
  const from = path.indexOf('/models/')
  const name = decoded(path.slice(from + '/models/'.length))
  const colon = name.lastIndexOf(':')
  if (from < 0 || colon <= 0)
    throw new BrokerError('not-found', 'the path must be /models/{model}:{method}, as in :generateContent')
  const isEventStream = new URLSearchParams(query).get('alt') === 'sse'
  return { model: name.slice(0, colon), method: name.slice(colon + 1), isEventStream }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new BrokerError('bad-request', 'the model in the path is not percent-encoded UTF-8')
  }
}
