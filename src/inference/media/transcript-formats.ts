import type { Model } from '../../catalog/catalog.ts'
import type { Provider } from '../../providers/provider.ts'
import type { TranscriptFormat, TranscriptionRequest } from '../../wire/openai/media/transcription.ts'

/** Who is to write a transcript down; a model without any capability in the models file may do anything. */
export interface Transcriber {
  readonly capabilities: Model['capabilities']
  readonly provider: Pick<Provider, 'transcriptFormats'>
}

/** Formats that are made here of a transcript with segments. */
const FROM_SEGMENTS: readonly TranscriptFormat[] = ['srt', 'vtt', 'verbose_json']

/**
 * The format to ask a provider for, so that its response has the usage and the caller gets the wanted format;
 * `undefined` where it can't have it.
 */
export function formatToAsk(
  wanted: TranscriptFormat,
  { capabilities, provider: { transcriptFormats } }: Transcriber,
): TranscriptFormat | undefined {
  const allows = (format: TranscriptFormat): boolean =>
    transcriptFormats === undefined || transcriptFormats.includes(format)
  const isKnown = capabilities.length > 0
  const hasSegments = capabilities.includes('verbose_json') && allows('verbose_json')
  if (wanted === 'diarized_json')
    return (!isKnown || capabilities.includes('diarization')) && allows(wanted) ? wanted : undefined
  if (hasSegments) return 'verbose_json'
  if (!FROM_SEGMENTS.includes(wanted)) return 'json'
  return !isKnown && allows(wanted) ? wanted : undefined
}

/** Whether the model streams transcripts; where it doesn't, the whole one becomes a stream here. */
export function streamsTranscripts({ capabilities }: Pick<Transcriber, 'capabilities'>): boolean {
  return capabilities.length === 0 || capabilities.includes('streaming')
}

/** Why an endpoint can't write this down; `undefined` when it can. */
export function unservedWish(request: TranscriptionRequest, transcriber: Transcriber): string | undefined {
  const { capabilities } = transcriber
  if (request.translates && capabilities.length > 0 && !capabilities.includes('translation'))
    return 'does not translate'
  if (formatToAsk(request.format, transcriber) === undefined)
    return `does not give the response_format “${request.format}”`
  const wantsTimes = request.fields.some(([name]) => name.startsWith('timestamp_granularities'))
  if (wantsTimes && capabilities.length > 0 && !capabilities.includes('verbose_json'))
    return 'gives no timestamps'
  return undefined
}
