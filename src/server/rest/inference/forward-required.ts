/** Thrown when a worker finds, after reading a request, that only the primary can serve it. */
export class ForwardRequired extends Error {}
