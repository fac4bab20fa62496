/** What applies where nothing is set. Numbers are in the units of their variables. */
export const DEFAULT_SETTINGS = {
  routingStrategy: 'cheapest',
  workers: 1,
  httpClient: 'lean',
  maxOpenRequests: 4096,
  hedgePercent: 10,
  idempotencyHours: 24,
  responsesHours: 24,
  bodyLimitMb: 64,
  uploadLimitMb: 512,
  spoolMb: 2048,
  drainTimeoutS: 30,
  keepDays: 90,
  durability: 'soon',
  hangUp: 'drain',
  hangUpDrainS: 60,
  logLevel: 'info',
} as const
