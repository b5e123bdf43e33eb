/*
 * Threads that work in rounds, and pause between them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "stress.h"

/* Waits for a round after `seen`; false where the team is over. */
static bool next_round(struct team *team, int seen) {
    note("paused");
    pthread_mutex_lock(&team->lock);
    while (team->round == seen && !team->over)
        pthread_cond_wait(&team->changed, &team->lock);
    bool goes_on = !team->over;
    pthread_mutex_unlock(&team->lock);
    return goes_on;
}

static void finish_round(struct team *team) {
    pthread_mutex_lock(&team->lock);
    team->done++;
    pthread_cond_broadcast(&team->changed);
    pthread_mutex_unlock(&team->lock);
}

static void *run_member(void *argument) {
    struct member *member = argument;
    struct team *team = member->team;
    watch_thread(team->name, member->number);
    for (int round = 0; next_round(team, round); round++) {
        team->work(team->context, member);
        finish_round(team);
    }
    watch_thread_ends();
    return NULL;
}

void team_start(struct team *team, const char *name, int size, void (*work)(void *, struct member *), void *context,
                uint64_t seed) {
    *team = (struct team){.name = name, .work = work, .context = context, .size = size, .done = size};
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->changed, NULL);
    for (int i = 0; i < size; i++) {
        team->members[i] = (struct member){team, i, random_for(seed, (uint64_t)i + 1)};
        REQUIRE_EQ(pthread_create(&team->threads[i], NULL, run_member, &team->members[i]), 0);
    }
}

void team_release(struct team *team) {
    pthread_mutex_lock(&team->lock);
    team->round++;
    team->done = 0;
    pthread_cond_broadcast(&team->changed);
    pthread_mutex_unlock(&team->lock);
}

void team_await(struct team *team) {
    pthread_mutex_lock(&team->lock);
    while (team->done < team->size)
        pthread_cond_wait(&team->changed, &team->lock);
    pthread_mutex_unlock(&team->lock);
}

bool team_is_done(struct team *team) {
    pthread_mutex_lock(&team->lock);
    bool done = team->done == team->size;
    pthread_mutex_unlock(&team->lock);
    return done;
}

void team_end(struct team *team) {
    team_await(team);
    pthread_mutex_lock(&team->lock);
    team->over = true;
    pthread_cond_broadcast(&team->changed);
    pthread_mutex_unlock(&team->lock);
    for (int i = 0; i < team->size; i++)
        REQUIRE_EQ(pthread_join(team->threads[i], NULL), 0);
    pthread_cond_destroy(&team->changed);
    pthread_mutex_destroy(&team->lock);
}
