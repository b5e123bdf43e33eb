/*
 * Choices: splitmix64, whose whole state is one word.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "stress.h"

uint64_t random_next(struct random *random) {
    uint64_t z = random->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

unsigned random_below(struct random *random, unsigned bound) {
    return (unsigned)((random_next(random) >> 32) * bound >> 32);
}

unsigned random_between(struct random *random, unsigned from, unsigned to) {
    return from + random_below(random, to - from + 1);
}

bool random_chance(struct random *random, unsigned percent) {
    return random_below(random, 100) < percent;
}

struct random random_for(uint64_t seed, uint64_t part) {
    struct random random = {seed ^ part * 0xd1342543de82ef95};
    random_next(&random);
    return random;
}
