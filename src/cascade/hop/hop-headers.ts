/** The headers by which brokers tell each other about a request; `docs/cascade.md` describes them. */

/** The version of the protocol; its presence says that the sender is a broker. */
export const CASCADE_HEADER = 'x-aibroker-cascade'
/** Ids of the brokers that the request has passed, the sender last. */
export const VISITED_HEADER = 'x-aibroker-path'
/** How many further brokers may be above the receiver. */
export const HOPS_HEADER = 'x-aibroker-hops'
/** Milliseconds until the response must be complete: a duration, so that clocks need not agree. */
export const DEADLINE_HEADER = 'x-aibroker-deadline-ms'
/** How many attempts at providers the receiver may make, over all brokers above it. */
export const ATTEMPTS_HEADER = 'x-aibroker-attempts'
/** The sender's own id of this attempt, by which it asks later what became of it. */
export const REQUEST_HEADER = 'x-aibroker-request'
/** Labels of the sender's caller. They are kept with the request and give it no right. */
export const CONTEXT_HEADER = 'x-aibroker-context'
export const CALLER_HEADER = 'x-aibroker-caller'
/** The lease under which the receiver is to charge the request. */
export const LEASE_HEADER = 'x-aibroker-lease'
/** Where the request may be served. */
export const POLICY_HEADER = 'x-aibroker-policy'
/** W3C Trace Context. */
export const TRACE_HEADER = 'traceparent'
