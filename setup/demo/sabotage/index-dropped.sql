-- the index chat_memory_conversation_idx of public.chat_memory is missing
drop index public.chat_memory_conversation_idx;
