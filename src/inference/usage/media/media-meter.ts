import type { Money } from '../../../base/money.ts'
import { ZERO_USAGE, type Usage } from '../../../ledger/types.ts'
import type { ChatChunk } from '../../../wire/openai/chat.ts'
import type { UsageShape } from '../../../providers/usage-shape.ts'
import { isObject } from '../../../wire/json/json-body.ts'
import { boundsIn, chargeOf, type ChargeBounds, type ReportedCharge } from '../reported-charge.ts'
import { isEstimate, type Meter, type UsageReading } from '../usage-meter.ts'

/** What is known of the usage of a request for media. */
export interface MediaMeasure {
  /** What the request alone decides, once the provider has begun to respond: the characters to speak. */
  readonly counted?: Usage | undefined
  /** Without a report and a count: the likely usage, and the least and the most that it can be. */
  readonly estimate: Usage
  readonly low: Usage
  readonly high: Usage
  /** The usage that a response, or one of its events, reports. */
  readonly reportIn: (response: ChatChunk) => Usage | undefined
}

/** Measures the usage of one response that is not a text of tokens: sound, a transcript, a picture. */
export class MediaMeter implements Meter {
  readonly #measure: MediaMeasure
  readonly #shape: UsageShape | undefined
  #hasBegun = false
  #report: Usage | undefined
  #charge: ReportedCharge | undefined
  #chargedBounds: ChargeBounds | undefined
  #isEstimate = false

  readonly finishReason = undefined
  readonly text = undefined
  readonly minCompletion = 0
  readonly textChunks = 0
  /** A report comes once, with the response or at its end. */
  readonly isReportFinal = true

  constructor(measure: MediaMeasure, shape?: UsageShape) {
    this.#measure = measure
    this.#shape = shape
  }

  get reported(): Usage | undefined {
    if (this.#isEstimate) return undefined
    return this.#report ?? (this.#hasBegun ? this.#measure.counted : undefined)
  }

  get charged(): Money | undefined {
    return this.#charge?.charged
  }

  get fee(): Money | undefined {
    return this.#charge?.fee
  }

  get chargedBounds(): ChargeBounds | undefined {
    return this.#chargedBounds
  }

  get isEstimate(): boolean {
    return this.#isEstimate
  }

  watch(response: ChatChunk): void {
    this.#hasBegun = true
    const usage = this.#measure.reportIn(response)
    if (usage !== undefined) {
      this.#report = usage
      this.#isEstimate = isEstimate(response)
    }
    const { usage: wire, x_aibroker: envelope } = response
    if (envelope !== undefined) this.#chargedBounds = boundsIn(response) ?? this.#chargedBounds
    if (isObject(wire)) this.#charge = chargeOf(wire, wire, this.#shape)
  }

  read(): UsageReading {
    const { reported } = this
    const exact = { low: undefined, high: undefined }
    if (reported !== undefined)
      return { usage: reported, countSource: this.#report === undefined ? 'counted' : 'reported', ...exact }
    if (!this.#hasBegun) return { usage: undefined, countSource: 'none', ...exact }
    return { usage: this.#report ?? this.#measure.estimate, countSource: 'bounded', ...exact }
  }

  /** Before the response nothing need have been used. */
  bounds(): UsageReading {
    const { estimate, low, high } = this.#measure
    const usage = this.#report ?? estimate
    return { usage, countSource: 'bounded', low: this.#hasBegun ? low : ZERO_USAGE, high }
  }

  maxNonTextTokens(): number {
    return 0
  }
}
