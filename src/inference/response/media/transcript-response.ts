import { usdNumber } from '../../../base/money.ts'
import { isObject } from '../../../wire/json/json-body.ts'
import type { ChatChunk } from '../../../wire/openai/chat.ts'
import type { TranscriptFormat } from '../../../wire/openai/media/transcription.ts'
import { envelopeHeaders } from './media-response.ts'
import type { ResponseFormatter, ResponseHead, ResponseInfo } from '../response-formatter.ts'

/** Which form of a transcript the caller wants, whatever form the provider gave. */
export interface WantedTranscript {
  readonly format: TranscriptFormat
  readonly stream: boolean
}

type Transcript = Readonly<Record<string, unknown>>

/** Formats a transcript. A stream passes as the bytes that it is; a whole one that was to be a stream becomes two events. */
export function transcriptFormatter(
  info: ResponseInfo,
  { format, stream }: WantedTranscript,
): ResponseFormatter {
  return {
    formatResponse(text, parsed) {
      const transcript = parsed as Transcript
      if (stream) return asEvents(transcript, info)
      if (format === 'json') return JSON.stringify({ ...briefOf(transcript), ...ours(transcript, info) })
      if (format === 'verbose_json' || format === 'diarized_json')
        return JSON.stringify({ ...transcript, ...ours(transcript, info) })
      return asText(format, transcript, text)
    },
    formatChunk: () => undefined,
    finalChunk: () => undefined,
    head: (received): ResponseHead => ({
      contentType: received ?? contentTypeOf(format, stream),
      headers: envelopeHeaders(info),
    }),
  }
}

function contentTypeOf(format: TranscriptFormat, stream: boolean): string {
  if (stream) return 'text/event-stream; charset=utf-8'
  return format.endsWith('json') ? 'application/json; charset=utf-8' : 'text/plain; charset=utf-8'
}

const BRIEF = ['text', 'languages', 'logprobs', 'x_groq'] as const

function briefOf(transcript: Transcript): Transcript {
  return Object.fromEntries(
    BRIEF.flatMap((name) => (transcript[name] === undefined ? [] : [[name, transcript[name]]])),
  )
}

/** The usage in OpenAI's form, with our cost, and the `x_aibroker` object. */
function ours({ usage: given }: Transcript, info: ResponseInfo): object {
  const usage = isObject(given) && typeof given['type'] === 'string' ? given : usageOf(info)
  const cost = info.cost()
  const priced = cost === undefined ? {} : { cost: usdNumber(cost) }
  return {
    ...(usage === undefined ? {} : { usage: { ...usage, ...priced } }),
    x_aibroker: { id: info.id, ...info.envelope() },
  }
}

function usageOf(info: ResponseInfo): object | undefined {
  const usage = info.usage()
  if (usage?.soundMs !== undefined) return { type: 'duration', seconds: usage.soundMs / 1000 }
  if (usage === undefined) return undefined
  const { prompt, completion, audioPrompt } = usage
  return {
    type: 'tokens',
    input_tokens: prompt,
    output_tokens: completion,
    total_tokens: prompt + completion,
    input_token_details: { audio_tokens: audioPrompt, text_tokens: prompt - audioPrompt },
  }
}

function asEvents(transcript: Transcript, info: ResponseInfo): string {
  const text = textOf(transcript)
  const events = [
    ...(text === '' ? [] : [{ type: 'transcript.text.delta', delta: text }]),
    { type: 'transcript.text.done', ...briefOf(transcript), text, ...ours(transcript, info) },
  ]
  return events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')
}

interface Segment {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** @param raw what the provider sent, which is subtitles already where it has no segments. */
function asText(format: TranscriptFormat, transcript: Transcript, raw: string): string {
  const segments = segmentsOf(transcript)
  if (format === 'text') return `${textOf(transcript).trim()}\n`
  if (segments === undefined) return raw
  const cues = segments.map(({ start, end, text }, at) =>
    format === 'srt'
      ? `${at + 1}\n${timeText(start, ',')} --> ${timeText(end, ',')}\n${text.trim()}\n`
      : `${timeText(start, '.')} --> ${timeText(end, '.')}\n${text.trim()}\n`,
  )
  return `${format === 'vtt' ? 'WEBVTT\n\n' : ''}${cues.join('\n')}`
}

function textOf({ text }: Transcript): string {
  return typeof text === 'string' ? text : ''
}

/** A transcript without any speech has no segments, and its subtitles are empty. */
function segmentsOf({ segments, task, duration }: Transcript): readonly Segment[] | undefined {
  if (Array.isArray(segments)) return segments.filter(isSegment)
  return task === undefined && duration === undefined ? undefined : []
}

function isSegment(value: unknown): value is Segment {
  if (!isObject(value)) return false
  const { start, end, text } = value
  return isTime(start) && isTime(end) && typeof text === 'string'
}

function isTime(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value < 1e6
}

/** `00:01:02,345` */
function timeText(seconds: number, separator: string): string {
  const ms = Math.round(seconds * 1000)
  const pad = (value: number, length = 2): string => String(value).padStart(length, '0')
  const clock = [ms / 3_600_000, (ms / 60_000) % 60, (ms / 1000) % 60].map((part) => pad(Math.floor(part)))
  return `${clock.join(':')}${separator}${pad(ms % 1000, 3)}`
}

/** The seconds of sound that a transcript reports: what is billed, else its length, else the end of its last segment. */
export function secondsIn(response: ChatChunk): number | undefined {
  const transcript = response as Transcript
  const { usage, duration, segments } = transcript
  const reported = isObject(usage)
    ? [usage['seconds'], usage['prompt_audio_seconds'], usage['audio_duration_secs']]
    : []
  const last = Array.isArray(segments) ? (segments.at(-1) as unknown) : undefined
  const ends = isObject(last) ? [last['end']] : []
  return [...reported, secondsOf(duration), ...ends].find(isDuration)
}

/** Some servers write the number as text. */
function secondsOf(value: unknown): unknown {
  return typeof value === 'string' && value !== '' ? Number(value) : value
}

/** A day of sound is more than any provider takes. */
function isDuration(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value <= 86_400
}
