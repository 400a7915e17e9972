#include "partitions.h"

#include <stdio.h>
#include <string.h>

assay_partition assay_partition_of_files(const assay_files *files, size_t skip) {
    size_t count[5] = {0};
    for (size_t i = 0; i < files->count; i++) {
        const char *below = files->path[i] + skip;
        bool year = strstr(below, "/year=") != NULL, month = strstr(below, "/month=") != NULL;
        bool day = strstr(below, "/day=") != NULL;
        count[!year    ? ASSAY_PARTITION_NONE
              : !month ? ASSAY_PARTITION_YEAR
              : !day   ? ASSAY_PARTITION_MONTH
                       : ASSAY_PARTITION_DAY]++;
    }
    assay_partition best = ASSAY_PARTITION_NONE;
    for (int p = ASSAY_PARTITION_NONE; p <= ASSAY_PARTITION_DAY; p++) {
        best = count[p] >= count[best] ? (assay_partition)p : best;
    }
    return best;
}

const char *assay_partition_sql(assay_partition partition) {
    switch (partition) {
    case ASSAY_PARTITION_NONE:
        return "0::BIGINT";
    case ASSAY_PARTITION_MONTH:
        return "(year(\"timestamp\") * 10000 + month(\"timestamp\") * 100)::BIGINT";
    case ASSAY_PARTITION_DAY:
        return "(year(\"timestamp\") * 10000 + month(\"timestamp\") * 100 + day(\"timestamp\"))::BIGINT";
    default:
        return "(year(\"timestamp\") * 10000)::BIGINT";
    }
}

void assay_partition_folder(const char *table, assay_partition partition, int64_t part, char *out_text,
                            size_t size) {
    long long year = part / 10000, month = part / 100 % 100, day = part % 100;
    switch (partition) {
    case ASSAY_PARTITION_NONE:
        (void)snprintf(out_text, size, "%s", table);
        break;
    case ASSAY_PARTITION_MONTH:
        (void)snprintf(out_text, size, "%s/year=%lld/month=%lld", table, year, month);
        break;
    case ASSAY_PARTITION_DAY:
        (void)snprintf(out_text, size, "%s/year=%lld/month=%lld/day=%lld", table, year, month, day);
        break;
    default:
        (void)snprintf(out_text, size, "%s/year=%lld", table, year);
        break;
    }
}

const char *assay_file_in_folder(const assay_files *files, const char *database, const char *folder) {
    size_t skip = strlen(database) + 1, size = strlen(folder);
    for (size_t i = 0; i < files->count; i++) {
        const char *below = files->path[i] + skip;
        if (strncmp(below, folder, size) == 0 && below[size] == '/' &&
            strchr(below + size + 1, '/') == NULL) {
            return files->path[i];
        }
    }
    return NULL;
}
