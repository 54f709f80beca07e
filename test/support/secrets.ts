// Owns the secrets of the deployments that tests run: known, so that tests can also forge.

export const OPERATOR_KEY = "hfo_test";
export const SIGNING_SECRET = "for tests";
